"""Who acts in tests: Ann owns the place, Bob works there, Vera looks on."""

from authdeck.access import Actor, Role

ANN = Actor("ann", Role.ADMIN)
BOB = Actor("bob", Role.OPERATOR)
VERA = Actor("vera", Role.VIEWER)
