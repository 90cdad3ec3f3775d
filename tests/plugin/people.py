"""A security policy for tests: whoever the cookie ``who`` names; ACLs say what they may."""

from __future__ import annotations

from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone


class CookiePolicy:
    """Everybody is who the cookie says, unless banned."""

    def __init__(self) -> None:
        self.banned: set[str] = set()
        self.asked = 0
        self._acl = ACLHelper()

    def identity(self, request: Any) -> str | None:
        self.asked += 1
        name: str | None = request.cookies.get("who")
        return None if name in self.banned else name

    def authenticated_userid(self, request: Any) -> str | None:
        return self.identity(request)

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        user = self.identity(request)
        principals = [Everyone] if user is None else [Everyone, Authenticated, user]
        return self._acl.permits(context, principals, permission)


class Place:
    """A resource with an ACL.

    :param acl: its entries
    :param children: resources below it
    """

    def __init__(self, *acl: tuple[str, str, Any], **children: Place) -> None:
        self.__acl__ = list(acl)
        self.__name__: str | None = None
        self.__parent__: Any = None
        self._children = children
        for name, child in children.items():
            child.__name__, child.__parent__ = name, self

    def __getitem__(self, name: str) -> Place:
        return self._children[name]
