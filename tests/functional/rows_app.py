"""Rows in a database, written by events and by a view, in transactions of pyramid_tm.

Whoever is connected hears of each row. Writers say how their transaction is to end.
"""

from __future__ import annotations

from typing import Any

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.router import Router
from pyramid_retry import RetryableException
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from zope.sqlalchemy.datamanager import NO_SAVEPOINT_SUPPORT

from pyramid_sio import Namespace, sio_namespace


class Base(DeclarativeBase):
    """All tables."""


class Row(Base):
    """Something written."""

    __tablename__ = "rows"
    text: Mapped[str] = mapped_column(primary_key=True)


class Mishap(Exception):
    """What a writer wanted to happen."""


def write(request: Any, text: str, end: str) -> str:
    """Write a row, tell everybody, and end as is wanted."""
    request.dbsession.add(Row(text=text))
    request.sio.emit("row", text)
    if end == "conflict":
        # Found out at the commit, after everybody has been told.
        request.dbsession.add(Row(text="the first"))
        return text
    request.dbsession.flush()
    if end == "fail":
        raise Mishap
    if end == "doom":
        request.tm.get().doom()
    if end == "savepoint":
        inner = request.tm.get().savepoint()
        request.dbsession.add(Row(text=f"{text}, inner"))
        request.sio.emit("row", f"{text}, inner")
        request.dbsession.flush()
        inner.rollback()
    if end == "retry" and text not in request.registry["tried"]:
        request.registry["tried"].add(text)
        raise RetryableException
    return text


@sio_namespace("/")
class Rows(Namespace):
    """Writes rows."""

    def on_write(self, text: str, end: str) -> str:
        return write(self.request, text, end)

    def on_rows(self) -> list[str]:
        return sorted(self.request.dbsession.scalars(select(Row.text)))


def write_view(request: Any) -> Response:
    write(request, request.params["text"], request.params["end"])
    return Response("written")


def mishap_view(exc: Exception, request: Any) -> Response:
    return Response("rolled back", content_type="text/plain", status=409)


def with_savepoints(engine: Engine) -> Engine:
    """Let SQLite have savepoints: its driver must begin transactions when it is told to."""
    event.listen(engine, "connect", lambda raw, record: setattr(raw, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    NO_SAVEPOINT_SUPPORT.discard("sqlite")
    return engine


def main(global_config: dict[str, str], **settings: Any) -> Router:
    engine = with_savepoints(create_engine(f"sqlite:///{settings.pop('database')}"))
    Base.metadata.create_all(engine)
    make_session = sessionmaker(engine)
    with make_session() as session:
        session.add(Row(text="the first"))
        session.commit()

    def dbsession(request: Any) -> Session:
        session = make_session()
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        request.add_finished_callback(lambda request: session.close())
        return session

    settings["tm.manager_hook"] = "pyramid_tm.explicit_manager"
    with Configurator(settings=settings) as config:
        config.registry["tried"] = set()
        config.include("pyramid_tm")
        config.include("pyramid_retry")
        config.include("pyramid_sio")
        config.add_request_method(dbsession, reify=True)
        config.add_route("write", "/write")
        config.add_view(write_view, route_name="write")
        config.add_exception_view(mishap_view, context=Exception)
        config.scan(__name__)
        return config.make_wsgi_app()
