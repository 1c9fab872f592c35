"""What the system says about the network: a hint to try again now, never a proof of anything.

One backend says «online» where nothing but a package proxy answers (docs/decisions/0014); only a
ping that headquarters signs shows that there is a link.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtNetwork import QNetworkInformation


def watch_link(
    call: Callable[[], object], metered: Callable[[bool], object] = lambda _: None
) -> bool:
    """Have `call` told, on the GUI thread, whenever the system sees the network change, and
    `metered` whether it believes that the link is paid by the byte.

    False where the system has nothing to say: then only the engine's own tries find the link.
    """
    if not QNetworkInformation.loadDefaultBackend():
        return False
    system = QNetworkInformation.instance()
    system.reachabilityChanged.connect(lambda _: call())
    system.transportMediumChanged.connect(lambda _: call())
    system.isBehindCaptivePortalChanged.connect(lambda _: call())
    system.isMeteredChanged.connect(metered)
    if system.isMetered():
        metered(True)
    return True
