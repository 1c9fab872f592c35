/* Stands between a program and libc (LD_PRELOAD) and does two things for files under one folder:
 * writes down, in order and with its data, every call that changes the disk or makes it durable;
 * and, when told to, lets calls fail as a full, failing or read-only disk would.
 *
 * Idle until recorder_start(). One lock holds each call and its line together, so the order of the
 * lines is the order of the calls. What no line can say (a write through a shared mapping, a file
 * sent by the kernel) is refused; tests/torture/disk.py compares the replayed lines with the real
 * folder, so a call that slips past is found, not missed.
 *
 * A line: u8 kind, u64 inode, u64 number, u32 first length, u32 second length, both byte strings.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char root[PATH_MAX];
static size_t root_length;
static int out = -1;
static unsigned char ours[FDS];

/* Calls that can fail are counted; those numbered [fail_from, fail_to) do. */
static long calls, fail_from = -1, fail_to = -1;
static int fail_errno;

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void line(char kind, uint64_t inode, uint64_t number, const void *a, size_t na,
                 const void *b, size_t nb) {
    if (out < 0) return;
    unsigned char head[25];
    uint32_t la = (uint32_t)na, lb = (uint32_t)nb;
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &number, 8);
    memcpy(head + 17, &la, 4);
    memcpy(head + 21, &lb, 4);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)a, na}, {(void *)b, nb}};
    int kept = errno;
    if (syscall(SYS_writev, out, parts, 3) != (long)(sizeof head + na + nb)) abort();
    errno = kept;
}

/* The absolute path of `path` as seen from `dir`, if it lies in our folder; else NULL. */
static const char *inside(int dir, const char *path, char *full) {
    if (!root_length || !path) return NULL;
    if (path[0] == '/') {
        if (strlen(path) >= PATH_MAX) return NULL;
        strcpy(full, path);
    } else {
        char link[64];
        if (dir == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, full, PATH_MAX - 2);
        if (n < 0 || (size_t)n + strlen(path) + 2 > PATH_MAX) return NULL;
        full[n] = '/';
        strcpy(full + n + 1, path);
    }
    size_t length = strlen(full);
    while (length > 1 && full[length - 1] == '/') full[--length] = 0;
    if (strncmp(full, root, root_length) != 0) return NULL;
    return full[root_length] == '/' || full[root_length] == 0 ? full : NULL;
}

static const char *below(const char *full) {
    return full[root_length] ? full + root_length + 1 : "";
}

static int mine(int fd) { return fd >= 0 && fd < FDS && ours[fd]; }

static uint64_t inode_of(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* Count a call; 1, with errno set, if this one is to fail. Only flushing (`changes` is 0) still
 * works on a read-only disk. With no errno to give, the process dies here, as by kill -9. */
static int fails(int changes) {
    if (fail_errno == EROFS && !changes) return 0;
    long n = calls++;
    if (n < fail_from || n >= fail_to) return 0;
    if (!fail_errno) kill(getpid(), SIGKILL);
    errno = fail_errno;
    return 1;
}

/* How much of a write still fits: a disk fills in the middle of one, and that one comes up short. */
static size_t fitting(size_t size) {
    int filling = fail_errno == ENOSPC && calls == fail_from && fail_to > fail_from + 1;
    if (!filling || size < 2) return size;
    calls++;
    return size / 2;
}

/* --- what the harness calls ------------------------------------------------------------ */
void recorder_start(const char *folder, int fd) {
    pthread_mutex_lock(&lock);
    memset(ours, 0, sizeof ours);
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    out = fd;
    pthread_mutex_unlock(&lock);
}

void recorder_mark(const char *data, int length) {
    pthread_mutex_lock(&lock);
    line('A', 0, 0, data, (size_t)length, "", 0);
    pthread_mutex_unlock(&lock);
}

/* From now on count from 0; calls numbered `from` up to `to` fail with `number`. */
void recorder_fail(long from, long to, int number) {
    pthread_mutex_lock(&lock);
    calls = 0;
    fail_from = from;
    fail_to = to;
    fail_errno = number;
    pthread_mutex_unlock(&lock);
}

long recorder_calls(void) { return calls; }

/* --- open and close ---------------------------------------------------------------------- */
static int opening(int dir, const char *path, int flags, mode_t mode) {
    REAL(openat);
    char full[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *at = inside(dir, path, full);
    if (!at) {
        int fd = real(dir, path, flags, mode);
        if (fd >= 0 && fd < FDS) ours[fd] = 0;
        pthread_mutex_unlock(&lock);
        return fd;
    }
    int missing = access(at, F_OK) != 0, made = missing && (flags & O_CREAT);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if ((made || (writes && fail_errno == EROFS)) && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    int fd = real(dir, path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        ours[fd] = 1;
        if (made) line('C', inode_of(fd), 0, below(at), strlen(below(at)), "", 0);
        else if (flags & O_TRUNC) line('T', inode_of(fd), 0, "", 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static int unnamed(int flags) { return (flags & O_TMPFILE) == O_TMPFILE; }

#define OPEN(name, DIR, ...)                                                  \
    int name(__VA_ARGS__, int flags, ...) {                                   \
        mode_t mode = 0;                                                      \
        if (flags & O_CREAT || unnamed(flags)) {                      \
            va_list more;                                                     \
            va_start(more, flags);                                            \
            mode = va_arg(more, mode_t);                                      \
            va_end(more);                                                     \
        }                                                                     \
        return opening(DIR, path, flags, mode);                               \
    }
OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, dir, int dir, const char *path)
OPEN(openat64, dir, int dir, const char *path)

int creat(const char *path, mode_t mode) {
    return opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    REAL(close);
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS) ours[fd] = 0;
    int rc = real(fd);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* --- writing ------------------------------------------------------------------------------- */
#define GUARD(fd, call, changes)                       \
    if (!mine(fd)) return call;                        \
    pthread_mutex_lock(&lock);                         \
    if (fails(changes)) {                              \
        pthread_mutex_unlock(&lock);                   \
        return -1;                                     \
    }

static ssize_t wrote(int fd, const void *data, ssize_t n, off_t offset) {
    if (n > 0) line('W', inode_of(fd), (uint64_t)offset, data, (size_t)n, "", 0);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (!mine(fd)) return real(fd, data, size);
    pthread_mutex_lock(&lock);
    size_t room = fitting(size);
    if (room == size && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    size = room;
    ssize_t n = real(fd, data, size);
    return wrote(fd, data, n, n > 0 ? lseek(fd, 0, SEEK_CUR) - n : 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    if (!mine(fd)) return real(fd, data, size, offset);
    pthread_mutex_lock(&lock);
    size_t room = fitting(size);
    if (room == size && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    size = room;
    return wrote(fd, data, real(fd, data, size, offset), offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return pwrite(fd, data, size, offset);
}

/* Short by nature: the first piece that holds anything is written, the caller asks again. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (!mine(fd)) return real(fd, parts, count);
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len) return write(fd, parts[i].iov_base, parts[i].iov_len);
    return 0;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    if (!mine(fd)) return real(fd, parts, count, offset);
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len) return pwrite(fd, parts[i].iov_base, parts[i].iov_len, offset);
    return 0;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    GUARD(fd, real(fd, size), 1)
    int rc = real(fd, size);
    if (rc == 0) line('T', inode_of(fd), (uint64_t)size, "", 0, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int truncate(const char *path, off_t size) {
    REAL(truncate);
    char full[PATH_MAX];
    if (!inside(AT_FDCWD, path, full)) return real(path, size);
    int fd = opening(AT_FDCWD, path, O_WRONLY, 0);
    if (fd < 0) return -1;
    int rc = ftruncate(fd, size);
    close(fd);
    return rc;
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* --- syncing ----------------------------------------------------------------------------- */
static int synced(int fd, int rc) {
    if (rc == 0) line('S', inode_of(fd), 0, "", 0, "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}
int fsync(int fd) {
    REAL(fsync);
    GUARD(fd, real(fd), 0)
    return synced(fd, real(fd));
}
int fdatasync(int fd) {
    REAL(fdatasync);
    GUARD(fd, real(fd), 0)
    return synced(fd, real(fd));
}

/* --- names --------------------------------------------------------------------------------- */
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags) {
    char a[PATH_MAX], b[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *in = inside(from_dir, from, a), *into = inside(to_dir, to, b);
    if ((in || into) && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    int rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (rc == 0 && (in || into)) {
        if (!in || !into || flags) abort(); /* no line for it: teach the recorder first */
        line('R', 0, 0, below(in), strlen(below(in)), below(into), strlen(below(into)));
    }
    pthread_mutex_unlock(&lock);
    return rc;
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}
int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    REAL(linkat);
    char full[PATH_MAX];
    if (inside(to_dir, to, full)) {
        errno = EPERM;
        return -1;
    }
    return real(from_dir, from, to_dir, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *path, int flags) {
    REAL(unlinkat);
    char full[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *at = inside(dir, path, full);
    /* A full disk can always delete. */
    if (at && fail_errno != ENOSPC && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    int rc = real(dir, path, flags);
    if (rc == 0 && at) line('U', 0, 0, below(at), strlen(below(at)), "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) return -1;
    return S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}

int mkdirat(int dir, const char *path, mode_t mode) {
    REAL(mkdirat);
    char full[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *at = inside(dir, path, full);
    if (at && access(at, F_OK) != 0 && fails(1)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    int rc = real(dir, path, mode);
    struct stat st;
    if (rc == 0 && at && stat(at, &st) == 0)
        line('M', st.st_ino, 0, below(at), strlen(below(at)), "", 0);
    pthread_mutex_unlock(&lock);
    return rc;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* --- ways round the lines: refused, so that the caller takes an ordinary write ------------- */
static int refused(void) {
    errno = EINVAL;
    return -1;
}
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    REAL(sendfile);
    return mine(to) ? refused() : real(to, from, offset, size);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    return sendfile(to, from, (off_t *)offset, size);
}
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags) {
    REAL(copy_file_range);
    return mine(to) ? refused() : real(from, a, to, b, size, flags);
}
