/* A vendor's library that does as it is told: by the file "mode" in the folder FTR_FAKE names.
 *
 * "ok", "noisy", "crash", "hang", "error <number>", "moving", "nobody", "gone", "refuse". The file "picture"
 * holds width and height as two ints, then the pixels. Structures and numbers are those of the
 * maker's header; noise on standard output is what such libraries are known for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EMPTY_FRAME 4306u
#define MOVED 0x20000001u
#define NO_MORE_ITEMS 259u
#define LIBUSB_FAILED 0x20000011u

struct __attribute__((packed)) size { int width, height, bytes; };
struct __attribute__((packed)) kind { uint32_t bytes; uint8_t compatibility; uint16_t x, y; };

static uint32_t last_error;
static int frames_taken;
/* A handle with an upper half: who takes it for an int asks for another reader. */
static void *const handle = (void *)0x7f12345678;

static FILE *file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("FTR_FAKE"), name);
    return fopen(path, "rb");
}

static int mode(const char *wanted)
{
    char said[32] = "ok";
    FILE *told = file("mode");
    if (told) {
        if (!fgets(said, sizeof said, told)) said[0] = 0;
        fclose(told);
    }
    if (!strncmp(said, "crash", 5)) *(volatile int *)0 = 1;
    if (!strncmp(said, "hang", 4)) for (;;) sleep(1000);
    if (!strncmp(wanted, "error", 5) && !strncmp(said, "error", 5))
        last_error = (uint32_t)strtoul(said + 6, NULL, 0);
    return !strncmp(said, wanted, strlen(wanted));
}

static int wrong(uint32_t error)
{
    last_error = error;
    return 0;
}

static int good(void *given)
{
    if (given != handle) return wrong(6);
    if (mode("gone")) return wrong(LIBUSB_FAILED);
    return !mode("error");
}

int ftrScanGetInterfaces(int *statuses)
{
    for (int i = 0; i < 128; i++) statuses[i] = 1;
    if (!mode("gone")) statuses[3] = 0;
    return 1;
}

void *ftrScanOpenDeviceOnInterface(int number)
{
    if (number != 3 || mode("gone")) { last_error = NO_MORE_ITEMS; return NULL; }
    if (mode("refuse")) { last_error = 5; return NULL; }
    frames_taken = 0;
    return handle;
}

void ftrScanCloseDevice(void *given) { (void)given; }

int ftrScanGetDeviceInfo(void *given, struct kind *kind)
{
    if (!good(given) || kind->bytes != 9) return 0;
    kind->compatibility = 14;
    return 1;
}

int ftrScanGetImageSize(void *given, struct size *size)
{
    FILE *picture = file("picture");
    if (!good(given) || !picture) return 0;
    if (fread(size, 4, 2, picture) != 2) return 0;
    size->bytes = size->width * size->height;
    fclose(picture);
    return 1;
}

int ftrScanIsFingerPresent(void *given, void *parameters)
{
    (void)parameters;
    if (mode("noisy") && write(1, "ScanAPI: looking\n", 17) < 0) return 0;
    if (!good(given)) return 0;
    if (mode("nobody") || frames_taken == 2) return wrong(EMPTY_FRAME);
    return 1;
}

int ftrScanGetFrame(void *given, void *buffer, void *parameters)
{
    (void)parameters;
    if (!good(given)) return 0;
    if (mode("moving")) return wrong(MOVED);
    struct size size;
    if (!ftrScanGetImageSize(given, &size)) return wrong(8);
    FILE *picture = file("picture");
    int read = !fseek(picture, 8, SEEK_SET)
        && fread(buffer, 1, size.bytes, picture) == (size_t)size.bytes;
    fclose(picture);
    frames_taken++;
    return read;
}

int ftrScanSetDiodesStatus(void *given, uint8_t green, uint8_t red)
{
    (void)red;
    if (green) frames_taken = 0;
    return given == handle;
}

int ftrScanGetSerialNumber(void *given, void *buffer)
{
    if (!good(given)) return 0;
    memcpy(buffer, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    return 1;
}

uint32_t ftrScanGetLastError(void) { return last_error; }
