"""Somebody in front of a wall: what the made-up cameras show."""

from __future__ import annotations

from functools import lru_cache

import pygame

BACKDROPS = (
    ((0x4C, 0x5D, 0x76), (0x22, 0x2E, 0x3A)),
    ((0x6A, 0x58, 0x48), (0x2F, 0x27, 0x20)),
    ((0x3B, 0x68, 0x5E), (0x1A, 0x33, 0x2C)),
    ((0x55, 0x45, 0x70), (0x24, 0x1D, 0x33)),
)
SKINS = ((0xD9, 0xB3, 0x97), (0xC9, 0x9A, 0x7D), (0xA8, 0x7B, 0x5E), (0xE3, 0xC1, 0xA6))
CLOTHES = ((0x33, 0x48, 0x60), (0x7A, 0x3E, 0x39), (0xE4, 0xE8, 0xED), (0x3F, 0x5C, 0x45))


@lru_cache(maxsize=64)
def portrait(name: str, width: int, height: int) -> bytes:
    """A made-up picture from a meeting room, RGB: somebody in front of a wall."""
    seed = sum(name.encode())
    top, bottom = BACKDROPS[seed % 4]
    small = pygame.Surface((2, 2))
    for column in range(2):
        for row in range(2):
            mixed = [round(a + (b - a) * (column + row) / 2) for a, b in zip(top, bottom, strict=True)]
            small.set_at((column, row), (mixed[0], mixed[1], mixed[2]))
    surface = pygame.transform.smoothscale(small, (width * 2, height * 2))
    people = 2 if seed % 3 == 0 else 1
    head = height * (0.33 if people == 1 else 0.28)
    for i in range(people):
        x = width + (height * 0.5 * (2 * i - 1) if people == 2 else 0)
        y = height * (0.96 + 0.07 * i)
        body = pygame.Rect(round(x - head * 0.92), round(y + head * 0.62), round(head * 1.84), height * 2)
        pygame.draw.rect(surface, CLOTHES[(seed + i) % 4], body, border_radius=round(head * 0.8))
        pygame.draw.circle(surface, SKINS[(seed + i) % 4], (x, y), head * 0.5)
    return pygame.image.tobytes(pygame.transform.smoothscale(surface, (width, height)), "RGB")
