"""What one peer's receiver reports say: which layer its link carries, and how much of our sound is lost."""

from __future__ import annotations

from appliance.core.link_health import LinkHealth
from appliance.core.sound_loss import SoundLoss
from appliance.media.link import MediaLink


class LinkFeedback:
    """Of one peer; ``now``: monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.health = LinkHealth(now)
        self._reports = 0  # of the receiver, already looked at
        self._sound_loss = SoundLoss()
        self._sound_reports = 0

    @property
    def expected_loss(self) -> int:
        """How much of our sound the encoder is to expect lost on the way to this peer, in percent."""
        return self._sound_loss.expected

    def restart(self, now: float) -> None:
        """Another connection carries media now."""
        self._reports = self._sound_reports = 0
        self.health.restart(now)
        self._sound_loss.restart()

    def look(self, link: MediaLink) -> bool:
        """Look at what is new; return whether the link carries another layer now."""
        heard = link.audio_feedback
        if heard.reports != self._sound_reports:
            self._sound_reports = heard.reports
            self._sound_loss.report(heard.highest, heard.packets_lost, heard.reported_at)
        cap = self.health.cap
        told = link.video_feedback
        if told.reports != self._reports:
            self._reports = told.reports
            at = told.reported_at  # not the time of looking, which has a grid of its own
            self.health.report(told.highest, told.packets_lost, link.sending, at)
            if told.round_trip is not None:
                self.health.round_trip(told.round_trip, at)
        return self.health.cap is not cap
