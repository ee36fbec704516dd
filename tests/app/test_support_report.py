"""A report for support, from the screen: a request that others carry out, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.app.support_report import SupportReport, find_request
from appliance.core import limits
from appliance.core.settings_view import ReportView
from appliance.errors import ControlError


class Helper:
    """The machine around a box: its stick, and the unit that writes reports."""

    def __init__(self, folder: Path) -> None:
        self.request, self.stick, self.result = folder / "request", folder / "stick", folder / "result.json"
        self.now = 100.0
        self.report = SupportReport(self.request, lambda: self.now, stick=self.stick, result=self.result)
        self._answers = 0

    def answer(self, **told: str) -> None:
        """As systemd/lib/bundle does: the request is taken, the result appears whole."""
        self.request.unlink(missing_ok=True)
        new = self.result.with_suffix(".new")
        new.write_text(json.dumps(told))
        new.replace(self.result)

    @property
    def view(self) -> ReportView | None:
        self.report.look()
        return self.report.view

    @property
    def state(self) -> str:
        view = self.view
        return view.state if view is not None else ""


@pytest.fixture
def helper(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


def test_a_stick_comes_a_report_is_written_the_stick_goes(helper: Helper) -> None:
    assert helper.state == "no-stick"
    helper.stick.touch()
    assert helper.report.look()
    assert helper.state == "ready"
    helper.report.save()
    assert helper.request.exists()
    assert helper.state == "working"
    helper.answer(state="working")
    assert helper.state == "working"
    helper.answer(state="written", file="meetingbox-report.zip")
    assert helper.state == "written"
    assert not helper.report.look()
    helper.stick.unlink()
    assert helper.state == "no-stick"


def test_what_came_of_an_earlier_report_is_no_answer(helper: Helper) -> None:
    helper.stick.touch()
    helper.answer(state="written")
    helper.report.save()
    assert helper.state == "working"
    helper.answer(state="failed", code="bundle.full")
    assert helper.view == ReportView("failed", helper.report._why("bundle.full"))
    assert str(helper.view.problem) == "There is no room on the stick."


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("bundle.read-only", "The stick can't be written to: is it write-protected?"),
        ("bundle.stick", "The stick can't be used. Try another one, with the FAT file system."),
        ("bundle.write", "The report could not be written."),
        ("", "The report could not be written."),
    ],
)
def test_why_it_failed(helper: Helper, code: str, sentence: str) -> None:
    helper.report.save()
    helper.answer(state="failed", code=code)
    view = helper.view
    assert view is not None
    assert (view.state, str(view.problem)) == ("failed", sentence)


def test_a_stick_that_was_pulled_out_before(helper: Helper) -> None:
    helper.report.save()
    helper.answer(state="failed", code="bundle.no-stick")
    assert helper.state == "no-stick"


def test_nobody_answers(helper: Helper) -> None:
    helper.report.save()
    helper.now += limits.REPORT_WITHIN - 1
    assert helper.state == "working"
    helper.now += 2
    assert helper.state == "failed"
    helper.report.save()  # and it may be tried again
    assert helper.state == "working"


@pytest.mark.parametrize("noise", [b"", b"[]", b"{", b"\xff" * 5000, b'"x"', b'{"state": 3}'])
def test_noise_is_no_answer(helper: Helper, noise: bytes) -> None:
    helper.report.save()
    helper.result.write_bytes(noise)
    assert helper.state == "working"


def test_one_at_a_time_and_only_where_somebody_hears(helper: Helper) -> None:
    helper.report.save()
    with pytest.raises(ControlError):
        helper.report.save()
    with pytest.raises(ControlError):
        SupportReport(None, lambda: 0.0).save()
    assert SupportReport(None, lambda: 0.0).view is None


def test_a_request_that_can_not_be_left(helper: Helper, tmp_path: Path) -> None:
    report = SupportReport(tmp_path / "nowhere" / "request", lambda: 0.0)
    report.save()
    assert report.view is not None
    assert report.view.state == "failed"


def test_the_page_opened_anew_has_no_old_news(helper: Helper) -> None:
    helper.stick.touch()
    helper.report.save()
    helper.report.forget()
    assert helper.state == "working"
    helper.answer(state="written")
    assert helper.state == "written"
    helper.report.forget()
    assert helper.state == "ready"


def test_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEETINGBOX_BUNDLE_REQUEST", raising=False)
    assert find_request() is None
    monkeypatch.setenv("MEETINGBOX_BUNDLE_REQUEST", "/run/meetingbox/bundle.request")
    assert find_request() == Path("/run/meetingbox/bundle.request")
