"""Every screen as a picture, from made-up snapshots: ``python -m appliance.display.preview OUTDIR``.

The display is the real one, headless, and its keys are real ones; only the box behind it is made up.
``snapshots`` and ``settings`` have what it says, ``scenes`` which pictures are taken, ``portraits`` who sits
in front of its cameras.
"""
