"""Who asks: the user behind an API key, and what the key grants."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.vocabulary import Role
from orchestrator.errors import Denied


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of a customer, with the role of the key that was shown."""

    user_id: int
    user: str
    customer_id: int
    customer: str
    role: Role
    #: The user's own id and those of the groups it is in: whom access grants may name.
    subject_ids: tuple[int, ...] = ()
    #: Whether any grant names them.
    shared_with: bool = False
    #: The key that was shown; never its text.
    key_id: UUID | None = None

    @property
    def sees_all(self) -> bool:
        """Administrators see every customer's objects."""
        return self.role is Role.administrator

    def has(self, role: Role) -> bool:
        """Whether the key's role includes ``role``."""
        return role in self.role.grants

    def need(self, role: Role) -> None:
        """Raise :class:`Denied` unless the key's role includes ``role``."""
        if not self.has(role):
            raise Denied(f"this needs the role {role}; the key has {self.role}")

    def may_act_for(self, customer_id: int) -> bool:
        """Whether objects may be made in this customer's name."""
        return self.sees_all or customer_id == self.customer_id
