"""An appliance's set-up: from ``meetingbox.toml`` on its card to the files of its system.

``card``        what may stand in that file: the configuration's keys, ``[network]`` and ``[system]``
``card_checks`` what each of these values may be, and what goes together
``takeover``    which values are secrets, and the file without them
``plan``        a card and what the box keeps -> every file to write; with ``networkd``, ``wifi``,
                ``system`` for their texts
``mistake``     an error as the sentence that home shows

These decide and touch nothing. The rest does it, below a root folder that tests may choose:

``disk``        files that appear whole or not at all, on the card too
``keeping``     what is kept on the data partition: the last good card, with its secrets
``apply``       at every start: the card, or the last good one, into force
``first_boot``  what a box has for itself alone: machine id, SSH host key, identity
``reset``       all of that erased, by a file on the card
``cards``       many cards from one template and a list
``image``       a card into an image, or onto a card that is not mounted
``report``      what a card would do, for who writes it

Only the command imports this package.
"""
