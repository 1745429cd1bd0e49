"""Who has which role, from the documents, the environment and the release in force. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from schema.keys import Key
from sync.edit import AddEntity, Edit, RemoveEntity, SetField

Because = Literal["", "environment", "self"]
_REASONS: dict[Because, str] = {
    "": "",
    "environment": "An admin by RATECARD_ADMINS: no edit here can change that.",
    "self": "Nobody demotes or removes themselves: ask another admin.",
}


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role. `written` is what access.yaml of the base branch says, `in_force` what the release says."""

    address: str
    written: str | None
    in_force: str | None
    by_environment: bool

    @property
    def role(self) -> str | None:
        """The role that holds now."""
        return "admin" if self.by_environment else self.in_force

    @property
    def source(self) -> str:
        """Where the role comes from."""
        places = ["RATECARD_ADMINS"] if self.by_environment else []
        places += ["access.yaml"] if self.written or self.in_force else []
        return " and ".join(places)

    @property
    def pending(self) -> str:
        """What the base branch says and no release has applied yet."""
        if self.written == self.in_force:
            return ""
        return f"{self.written or 'no role'} in git, not applied yet"


def members(written: Mapping[str, str], in_force: Mapping[str, str], environment: Collection[str]) -> list[Member]:
    """Everybody who has a role, admins first; addresses are compared without case."""
    texts, applied = ({who.lower(): role for who, role in found.items()} for found in (written, in_force))
    order = {"admin": 0, "analyst": 1, "viewer": 2}
    found = [
        Member(who, texts.get(who), applied.get(who), who in environment)
        for who in {*texts, *applied, *(admin.lower() for admin in environment)}
    ]
    return sorted(found, key=lambda member: (order.get(member.role or member.written or "", 9), member.address))


def protected(member: Member, own_address: str) -> str:
    """Why a person's role cannot be changed here; empty when it can."""
    because: Because = ""
    if member.by_environment:
        because = "environment"
    elif member.address == own_address.strip().lower():
        because = "self"
    return _REASONS[because]


def role_edits(member: Member | None, address: str, role: str | None) -> list[Edit]:
    """What giving a role means; None takes the person out."""
    key = Key("access", address)
    if member is None or member.written is None:
        return [AddEntity(key, {"role": role})] if role else []
    if role is None:
        return [RemoveEntity(key)]
    return [SetField(key, "role", role)] if role != member.written else []


__all__ = ["Member", "members", "protected", "role_edits"]
