"""Rounded boxes with smooth corners, drawn cheaply: four cached corners and three filled bars."""

from __future__ import annotations

from functools import lru_cache

import pygame

from appliance.core import limits
from appliance.core.grid import Rect
from appliance.display.drawn import drawn_once
from appliance.display.theme import RGB, RGBA

OVERSAMPLED = 8  # corners are drawn this much larger and scaled down


def draw_box(
    surface: pygame.Surface,
    rect: Rect,
    fill: RGB | RGBA | None,
    radius: int,
    border: RGB | None = None,
    border_width: int = 0,
) -> None:
    """Draw a box with round corners; ``fill`` None leaves the inside as it is."""
    if fill is not None and len(fill) == 4:
        surface.blit(_glass(rect.w, rect.h, fill, radius), rect[:2])
        return
    if border is None:
        border_width = 0
    radius = max(0, min(radius, rect.w // 2, rect.h // 2))
    x, y, w, h = rect
    edge = border if border is not None else fill
    if edge is None:
        return
    inner = fill[:3] if fill is not None else None
    if border_width or fill is None:
        _frame(surface, rect, edge[:3], radius, border_width)
    if inner is not None:
        b = border_width
        surface.fill(inner, (x + radius, y + b, w - 2 * radius, h - 2 * b))
        if radius:
            surface.fill(inner, (x + b, y + radius, radius - b, h - 2 * radius))
            surface.fill(inner, (x + w - radius, y + radius, radius - b, h - 2 * radius))
    if radius:
        disc = _disc(radius, inner, edge[:3], border_width)
        for dx in (0, 1):
            for dy in (0, 1):
                at = (x + dx * (w - radius), y + dy * (h - radius))
                surface.blit(disc, at, (dx * radius, dy * radius, radius, radius))


def covered(rect: Rect, radius: int) -> tuple[Rect, ...]:
    """The rectangles in which an opaque box hides whatever is behind it: all of it but its corners."""
    radius = max(0, min(radius, rect.w // 2, rect.h // 2))
    x, y, w, h = rect
    bands = (
        Rect(x, y + radius, w, h - 2 * radius),
        Rect(x + radius, y, w - 2 * radius, radius),
        Rect(x + radius, y + h - radius, w - 2 * radius, radius),
    )
    return tuple(band for band in bands if band.w > 0 and band.h > 0)


def _frame(surface: pygame.Surface, rect: Rect, color: RGB, radius: int, width: int) -> None:
    x, y, w, h = rect
    surface.fill(color, (x + radius, y, w - 2 * radius, width))
    surface.fill(color, (x + radius, y + h - width, w - 2 * radius, width))
    surface.fill(color, (x, y + radius, width, h - 2 * radius))
    surface.fill(color, (x + w - width, y + radius, width, h - 2 * radius))


def round_off(surface: pygame.Surface, rect: Rect, radius: int, behind: RGB) -> None:
    """Paint what stands behind a picture over its four corners."""
    if radius <= 0:
        return
    hole = _hole(radius, behind)
    for dx in (0, 1):
        for dy in (0, 1):
            at = (rect.x + dx * (rect.w - radius), rect.y + dy * (rect.h - radius))
            surface.blit(hole, at, (dx * radius, dy * radius, radius, radius))


@lru_cache(maxsize=limits.DRAWN_SHAPES_KEPT)
def _disc(radius: int, fill: RGB | None, edge: RGB, width: int) -> pygame.Surface:
    k = OVERSAMPLED
    side = 2 * radius * k
    large = pygame.Surface((side, side), pygame.SRCALPHA)
    large.fill((*edge, 0))
    middle = (side // 2, side // 2)
    pygame.draw.circle(large, (*edge, 255), middle, radius * k)
    if width or fill is None:
        inside = (*fill, 255) if fill is not None else (*edge, 0)
        pygame.draw.circle(large, inside, middle, (radius - width) * k)
    return pygame.transform.smoothscale(large, (2 * radius, 2 * radius))


@lru_cache(maxsize=limits.DRAWN_SHAPES_KEPT)
def _hole(radius: int, behind: RGB) -> pygame.Surface:
    k = OVERSAMPLED
    side = 2 * radius * k
    large = pygame.Surface((side, side), pygame.SRCALPHA)
    large.fill((*behind, 255))
    pygame.draw.circle(large, (*behind, 0), (side // 2, side // 2), radius * k)
    return pygame.transform.smoothscale(large, (2 * radius, 2 * radius))


@drawn_once
def _glass(w: int, h: int, fill: tuple[int, int, int, int], radius: int) -> pygame.Surface:
    glass = pygame.Surface((max(1, w), max(1, h)), pygame.SRCALPHA)
    glass.fill((*fill[:3], 0))
    draw_box(glass, Rect(0, 0, w, h), fill[:3], radius)
    faded = pygame.Surface(glass.get_size(), pygame.SRCALPHA)
    faded.fill((255, 255, 255, fill[3]))
    glass.blit(faded, (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
    return glass
