"""A USB bus inside the process, with one device on it: what every device played to pyusb shares."""

from __future__ import annotations

import array
import errno
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

Endpoint = tuple[int, int]  # address, transfer type (2 bulk, 3 interrupt)


class OneDeviceBackend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb is untyped
    """The bus. A subclass plays the transfers; `plugged` False takes the device off the bus."""

    def __init__(
        self,
        *,
        vendor: int,
        product: int,
        endpoints: tuple[Endpoint, ...],
        interface_class: int = 0xFF,
    ) -> None:
        self.plugged = True
        self._vendor, self._product = vendor, product
        self._endpoints = endpoints
        self._interface_class = interface_class

    def enumerate_devices(self) -> Iterator[str]:
        if self.plugged:
            yield "device"

    def get_parent(self, dev: object) -> None:
        return None

    def get_device_descriptor(self, dev: object) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=18,
            bDescriptorType=1,
            bcdUSB=0x0200,
            bDeviceClass=0,
            bDeviceSubClass=0,
            bDeviceProtocol=0,
            bMaxPacketSize0=64,
            idVendor=self._vendor,
            idProduct=self._product,
            bcdDevice=0x0103,
            iManufacturer=1,
            iProduct=2,
            iSerialNumber=3,
            bNumConfigurations=1,
            bus=250,
            address=1,
            port_number=1,
            port_numbers=(1,),
            speed=3,
        )

    def get_configuration_descriptor(self, dev: object, config: int) -> SimpleNamespace:
        _only(config)
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=2,
            wTotalLength=18 + 7 * len(self._endpoints),
            bNumInterfaces=1,
            bConfigurationValue=1,
            iConfiguration=0,
            bmAttributes=0x80,
            bMaxPower=50,
            extra_descriptors=[],
        )

    def get_interface_descriptor(
        self, dev: object, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        _only(intf, alt, config)
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=4,
            bInterfaceNumber=0,
            bAlternateSetting=0,
            bNumEndpoints=len(self._endpoints),
            bInterfaceClass=self._interface_class,
            bInterfaceSubClass=0xFF,
            bInterfaceProtocol=0xFF,
            iInterface=0,
            extra_descriptors=[],
        )

    def get_endpoint_descriptor(
        self, dev: object, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        _only(intf, alt, config)
        address, kind = self._endpoints[ep]
        return SimpleNamespace(
            bLength=7,
            bDescriptorType=5,
            bEndpointAddress=address,
            bmAttributes=kind,
            wMaxPacketSize=64,
            bInterval=1,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=[],
        )

    def open_device(self, dev: object) -> str:
        self.check_plugged()
        return "handle"

    def close_device(self, dev_handle: object) -> None: ...

    def get_configuration(self, dev_handle: object) -> int:
        return 1

    def set_configuration(self, dev_handle: object, config_value: int) -> None: ...

    def claim_interface(self, dev_handle: object, intf: int) -> None:
        self.check_plugged()

    def release_interface(self, dev_handle: object, intf: int) -> None:
        self.check_plugged()

    def is_kernel_driver_active(self, dev_handle: object, intf: int) -> bool:
        return False

    def check_plugged(self) -> None:
        if not self.plugged:
            raise usb.core.USBError("No such device", -4, errno.ENODEV)


def late() -> usb.core.USBTimeoutError:
    return usb.core.USBTimeoutError("Operation timed out", -7, errno.ETIMEDOUT)


def fill(buffer: Any, data: bytes) -> int:
    """Put `data` into pyusb's buffer as a device would; the number of bytes put."""
    count: int = min(len(buffer), len(data))
    buffer[:count] = array.array("B", data[:count])
    return count


def _only(*numbers: int) -> None:
    """There is one of each; pyusb asks for the next one to see the end."""
    if any(numbers):
        raise IndexError
