"""meetingbox: a video meeting box for a room.

The layers, from the inside out. Imports run one way, downwards in this list never:

``errors``, ``config``   what everything may name: the tree of errors, the typed configuration
                         (``config_checks``: what each value may be).
``core/``                pure decisions: protocol, handshake, call, peers, layers, tile geometry.
                         No sockets, no threads, no asyncio, no clock: time and randomness are
                         arguments, results are effects.
``signaling/``           the shell around the network of text frames: mDNS, server, client.
``media/``               the shell around pictures and sound: camera process, codecs, WebRTC links.
``display/``             the shell around the screen: pygame, screens, keys and touches.
``control/``             the shell around the control socket.
``bridge``               the only object that two threads share.
``app/``                 everything put together: the box, its sessions, its peers.
``cli``, ``cli_ctl``     the command; ``demo``, ``bench``, ``doctor`` and ``probes`` are what it runs.

``display``, ``signaling``, ``media`` and ``control`` import ``core``, ``config`` and ``errors``
(and ``display`` the ``bridge``), and never each other; only the last two rows import everything.
``tests/test_imports.py`` enforces it.
"""

__version__ = "0.1.0"
