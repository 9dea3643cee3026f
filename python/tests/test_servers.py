"""Which server is called, and where a token goes."""

from __future__ import annotations

import os
import pathlib
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _contexts, _limits, errors
from composa._contexts import Context, Contexts
from composa._servers import Server, abridged, check_project, checked_url, choose

lab = "http://lab.example:7080"
hub = "https://hub.example"
file = f"""
current: lab
contexts:
- name: lab
  url: {lab}/
  token: lab-token
  project: vision
- name: hub
  url: {hub}
  token: hub-token
  ca: /etc/hub.pem
"""


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "composa").mkdir()
    return tmp_path


def environment(home: pathlib.Path, text: str | None = file, **more: str) -> dict[str, str]:
    if text is not None:
        (home / "composa" / "contexts.yaml").write_text(text)
    return {"XDG_CONFIG_HOME": str(home), **more}


at_lab = Server(lab, "lab-token", context="lab", project="vision")
at_hub = Server(hub, "hub-token", ca="/etc/hub.pem", context="hub")
from_environment = {"COMPOSA_URL": lab.upper().replace("HTTP", "http") + "/", "COMPOSA_TOKEN": " env-token\n"}


@pytest.mark.parametrize(
    ("said", "environ", "chosen"),
    [
        pytest.param({}, {}, at_lab, id="the current context"),
        pytest.param({}, {"COMPOSA_CONTEXT": "hub"}, at_hub, id="the environment's context before the current one"),
        pytest.param({"context": "hub"}, from_environment, at_hub, id="an argument before the environment"),
        pytest.param({"context": "hub", "token": "mine"}, {}, Server(hub, "mine", "/etc/hub.pem", "hub"), id="a token beside a context"),
        pytest.param({}, from_environment, Server(lab, "env-token"), id="the environment before the current context"),
        pytest.param({}, {"COMPOSA_URL": lab}, at_lab, id="the token that is saved with the same URL"),
        pytest.param({"url": "HTTP://LAB.example:7080//"}, {}, at_lab, id="however the URL is written"),
        pytest.param({}, {"COMPOSA_URL": hub, "COMPOSA_CA": "/my.pem"}, Server(hub, "hub-token", "/my.pem", "hub"), id="its own authorities"),
        pytest.param({"url": lab}, from_environment, Server(lab, "env-token"), id="the token beside the same URL"),
        pytest.param({"url": hub}, from_environment, at_hub, id="no token of another URL"),
        pytest.param({"url": hub, "token": "t"}, {**from_environment, "COMPOSA_CA": "/x"}, Server(hub, "t"), id="no authorities of another URL"),
        pytest.param({"context": "hub", "ca": "/a.pem", "project": "p"}, {}, Server(hub, "hub-token", "/a.pem", "hub", "p"), id="what is said beside"),
        pytest.param({}, {"COMPOSA_PROJECT": "q"}, Server(lab, "lab-token", "", "lab", "q"), id="the environment's project"),
        pytest.param({"project": "p"}, {"COMPOSA_PROJECT": "q"}, Server(lab, "lab-token", "", "lab", "p"), id="a project before the environment's"),
    ],
)  # fmt: skip
def test_a_server_is_chosen(
    home: pathlib.Path, said: dict[str, str], environ: dict[str, str], chosen: Server
) -> None:
    assert choose(**said, environ=environment(home, **environ)) == chosen


def test_a_project_that_is_none_of_yours_is_told_with_those_that_are(home: pathlib.Path) -> None:
    server = choose(environ=environment(home, COMPOSA_PROJECT="red"))
    check_project(server, "ada", ["blue", "red"])
    check_project(at_hub, "ada", [])
    for projects, some, way in (
        ([], "no project", "one once an administrator has added you to it"),
        (
            [f"p{i}" for i in range(12)],
            "p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, …",
            "one of yours",
        ),
    ):
        with pytest.raises(errors.NotFound) as e:
            check_project(server, "ada", projects)
        assert str(e.value) == (
            f'cannot connect: COMPOSA_PROJECT names project "red", and ada is in {some}; '
            f"set COMPOSA_PROJECT to {way}, or unset it"
        )


ways = (
    "say connect(URL, token=…), or set COMPOSA_URL and COMPOSA_TOKEN (or COMPOSA_TOKEN_FILE), "
    "or save a context with `composa context create NAME --url URL --token-file FILE`, as `composa demo` does"
)

other = "http://x.example"
no_token = (
    f"cannot sign in to {other}: no token is known for it; say connect(URL, token=…), or set COMPOSA_TOKEN or "
    "COMPOSA_TOKEN_FILE beside COMPOSA_URL; who has none asks an administrator of the site for one"
)
no_tls = (
    "cannot trust the authorities in {} "
    + f"for {lab}: it speaks no TLS; write https://, or leave ca and COMPOSA_CA out"
)


@pytest.mark.parametrize(
    ("said", "environ", "text", "message"),
    [
        pytest.param({}, {}, None, f"cannot choose a server: none is named and no context is saved; {ways}", id="nothing"),
        pytest.param({}, {}, "", f"cannot choose a server: none is named and no context is saved; {ways}", id="an empty file"),
        pytest.param({}, {}, file.replace("current: lab", ""), "cannot choose a server: COMPOSA_URL is not set and no context is current; choose one with connect(context=…) or `composa context use NAME`; saved are lab, hub", id="none is current"),
        pytest.param({"context": "moon"}, {}, file, "cannot use context 'moon': there is none of that name; saved are lab, hub", id="another name"),
        pytest.param({"context": "moon"}, {}, None, "cannot use context 'moon': there is none of that name; no context is saved; `composa context create NAME --url URL --token-file FILE` saves one", id="no file"),
        pytest.param({"url": 5}, {}, file, "cannot choose a server: url is no text but of type int", id="a URL that is no text"),
        pytest.param({"url": lab, "token": 5}, {}, file, "cannot choose a server: token is no text but of type int", id="a token that is no text"),
        pytest.param({"context": 7}, {}, file, "cannot choose a server: context is no text but of type int", id="a context that is no text"),
        pytest.param({"url": lab, "context": "lab"}, {}, file, f"cannot choose a server: url says {lab} and context says 'lab'; give one of the two", id="two servers"),
        pytest.param({"token": "t"}, {}, file, "cannot choose a server: a token is given and no URL; say connect(URL, token=…), so that the token goes to that server and to no other", id="a token for nobody"),
        pytest.param({}, {"COMPOSA_TOKEN": "t"}, file, "cannot choose a server: a token is in the environment and COMPOSA_URL is not; set COMPOSA_URL to the server that the token is for, or unset the token to use a context", id="the environment's token for nobody"),
        pytest.param({}, {"COMPOSA_URL": lab, "COMPOSA_CONTEXT": "hub"}, file, f"cannot choose a server: COMPOSA_URL is {lab} and COMPOSA_CONTEXT 'hub'; unset one of the two", id="two servers of the environment"),
        pytest.param({}, {"COMPOSA_URL": "lab"}, file, "cannot use COMPOSA_URL 'lab': it is neither http:// nor https:// and a host; write it as http://127.0.0.1:7080", id="no URL"),
        pytest.param({"url": ""}, {}, file, "cannot use the URL: it is empty; write it as http://127.0.0.1:7080", id="an empty URL"),
        pytest.param({"url": lab, "token": "a b"}, {}, file, f"cannot use the token for {lab}: it holds more than visible characters of ASCII; give the token alone, as `composa token create` prints it", id="a token that cannot be sent"),
        pytest.param({"url": other}, {"COMPOSA_TOKEN": "t"}, file, no_token, id="a token that stands alone"),
        pytest.param({"url": other}, {}, file, no_token, id="a token of the current context alone"),
        pytest.param({}, {"COMPOSA_URL": other, "COMPOSA_TOKEN": ""}, file, no_token, id="an empty token"),
        pytest.param({"url": other, "token": " "}, {}, file, no_token, id="a token of nothing"),
        pytest.param({"ca": "/a.pem"}, {}, file, no_tls.format("/a.pem"), id="authorities without TLS"),
        pytest.param({}, {**from_environment, "COMPOSA_CA": "/nope"}, file, no_tls.format("/nope"), id="the environment's authorities without TLS"),
        pytest.param({}, {"COMPOSA_URL": lab, "COMPOSA_TOKEN_FILE": "/none"}, file, "cannot read the token from COMPOSA_TOKEN_FILE /none: No such file or directory", id="no token file"),
        pytest.param({}, {"XDG_CONFIG_HOME": "here"}, None, "cannot find the file of contexts: XDG_CONFIG_HOME 'here' is not an absolute path", id="a relative home"),
        pytest.param({}, {"XDG_CONFIG_HOME": ""}, None, "cannot find the file of contexts: neither XDG_CONFIG_HOME nor HOME is set", id="no home"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen(
    home: pathlib.Path, said: dict[str, str], environ: dict[str, str], text: str | None, message: str
) -> None:
    with pytest.raises(errors.Error) as e:
        choose(**said, environ=environment(home, text) | environ)
    assert str(e.value) == message
    assert isinstance(e.value, errors.Invalid | errors.NotFound | errors.NotAllowed)


def test_a_server_that_is_named_needs_no_home() -> None:
    assert choose(lab, token="t", environ={}) == Server(lab, "t")
    assert choose(environ={"COMPOSA_URL": lab, "COMPOSA_TOKEN": "t"}) == Server(lab, "t")
    with pytest.raises(errors.NotAllowed):
        choose(lab, environ={})


def test_the_home_of_who_asks_is_looked_in(home: pathlib.Path) -> None:
    (home / ".config").mkdir()
    environment(home)
    (home / "composa").rename(home / ".config" / "composa")
    assert choose(environ={"HOME": str(home)}) == at_lab


def test_no_token_is_shown(home: pathlib.Path) -> None:
    environ = environment(home)
    assert "lab-token" not in repr(choose(environ=environ))
    assert "lab-token" not in repr(_contexts.read(_contexts.path_of(environ)))


@pytest.mark.parametrize(
    "text",
    ["http://ada:hunter2@host:notaport", "http://ada:hunter2@host", "ada:hunter2@host", "http://ada:hunter 2@host", "http://ada:h@hunter2@[",
     "http://ada:x?hunter2@host", "http://ada:x#hunter2@host\n", "http://ada:hunter2\uff20host", "//ada:hunter2@host",
     "http://127.0.0.1:7080/#login=hunter2", "http://host/?token=hunter2", "ftp://host#hunter2", "http://host#\nhunter2"],
)  # fmt: skip
def test_no_secret_of_a_url_is_shown(text: str) -> None:
    for said, environ in [
        ({"url": text}, {}),
        ({"url": text, "context": "lab"}, {}),
        ({}, {"COMPOSA_URL": text}),
    ]:
        with pytest.raises(errors.Invalid) as e:
            choose(**said, environ=environ)
        assert "hunter" not in "".join(traceback.format_exception(e.value)).replace(repr(text), "")
        assert "hunter" not in str(e.value)


@pytest.mark.parametrize(
    "host",
    ["h\u200bost", "a..b", ".a", "x" * 70, "x" * 70 + ".example", "ü" * 70, "a..", "xn--\u00fc"],
)
def test_hosts_that_nothing_can_be_looked_up_for(host: str) -> None:
    with pytest.raises(errors.Invalid, match=r"^cannot use the URL .*: no host can have that name: "):
        checked_url(f"http://{host}:7080")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"x" * 4097, "it has more than the 4096 bytes allowed"),
        (b"a b", None),
        (b"\xff", None),
    ],
)
def test_token_files_that_hold_no_token(tmp_path: pathlib.Path, content: bytes, why: str | None) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(errors.Invalid) as e:
        choose(environ={"COMPOSA_URL": lab, "COMPOSA_TOKEN_FILE": str(path)})
    if why is None:
        assert str(e.value).startswith(f"cannot use the token for {lab}")
    else:
        assert str(e.value) == f"cannot read the token from COMPOSA_TOKEN_FILE {path}: {why}"


def test_the_token_of_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "token"
    path.write_text("file-token\n")
    environ = {"COMPOSA_URL": lab, "COMPOSA_TOKEN_FILE": str(path)}
    assert choose(environ=environ).token == "file-token"
    with pytest.raises(errors.Invalid):
        choose(environ={**environ, "COMPOSA_TOKEN_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a", "http://a"),
        ("http://A.Example:80/", "http://a.example:80"),
        ("https://[::1]:7080", "https://[::1]:7080"),
        ("https://a/under/It//", "https://a/under/It"),
        ("HTTPS://a", "https://a"),
    ],
)
def test_one_way_to_write_a_url(text: str, url: str) -> None:
    assert checked_url(text) == url
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "text",
    ["", "a", "a:80", "ftp://a", "http://", "http:///x", "http://a:x", "http://a:70000", "http://[", "http://u:p@a", "http://u@a",
     "http://a?x", "http://a?", "http://a#x", "http://a b", "http://a\n", "http://a\\b", "http://a/\x7f"],
)  # fmt: skip
def test_urls_that_are_no_server(text: str) -> None:
    with pytest.raises(errors.Invalid) as e:
        checked_url(text)
    assert str(e.value).startswith("cannot use the URL")
    assert ":p@" not in str(e.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("contexts: [", "line 1: it is not YAML"),
        ("contexts: {}", "line 1: contexts is not a list"),
        ("contexts:\n- lab", "line 2: there is no mapping of ca, name, project, token, url"),
        ("contexts: []\ncontexts: []", "line 2: contexts stands there twice"),
        ("context: []", "line 1: there is a field that is none of contexts, current"),
        ("- lab", "line 1: there is no mapping of contexts, current"),
        ("current: [lab]", "line 1: there is no text where one must be"),
        (f"contexts:\n- url: {lab}", "line 2: a context's name is empty, too long or not a name"),
        (f"contexts:\n- name: -x\n  url: {lab}", "line 2: a context's name is empty, too long or not a name"),
        ("contexts:\n- name: lab\n  token: secret-token", "line 2: the URL of context 'lab' cannot be used"),
        (
            f"contexts:\n- name: lab\n  url: {lab}\n  token: secret token",
            "line 2: the token of context 'lab' holds spaces or control characters",
        ),
        (
            f"contexts:\n- name: lab\n  url: {lab}\n  tokn: secret-token",
            "line 4: there is a field that is none of ca, name, project, token, url",
        ),
        (f"contexts:\n- name: lab\n  url: {lab}\n  token: secret-token: x", "line 4: it is not YAML"),
        ("a: b\n---\nc: d", "line 2: it is not YAML"),
        ("[" * 1500, "it is nested too deeply"),
        ("\x00", "it is not text"),
        ("#" * (_limits.contexts_file_bytes + 1), "the file has more than the 1048576 bytes allowed"),
    ],
)
def test_files_that_hold_no_contexts(home: pathlib.Path, text: str, why: str) -> None:
    with pytest.raises(errors.Invalid) as e:
        choose(environ=environment(home, text))
    path = home / "composa" / "contexts.yaml"
    assert (
        str(e.value)
        == f"cannot read the contexts in {path}: {why}; mend the file, or remove it and save the contexts again"
    )
    assert "secret" not in str(e.value)


def test_a_file_that_may_not_be_read(home: pathlib.Path) -> None:
    (home / "composa" / "contexts.yaml").mkdir()
    with pytest.raises(errors.Invalid, match=r"cannot read the contexts in .*: Is a directory"):
        choose(environ=environment(home, None))


def test_what_looks_like_no_text_is_text(home: pathlib.Path) -> None:
    text = f"current: 7\ncontexts:\n- {{name: 7, url: '{lab}', token: 0123, project: yes, ca: ~}}\n- {{name: 'null', url: {lab}, token: null}}"
    environ = environment(home, text)
    saved = _contexts.read(_contexts.path_of(environ)).saved
    assert saved == (Context("7", lab, "0123", "", "yes"), Context("null", lab))
    assert choose(environ=environ).token == "0123"


def test_what_the_command_line_saved_is_read(home: pathlib.Path) -> None:
    binary = pathlib.Path(__file__).resolve().parents[2] / "bin" / "composa"
    if not binary.exists():
        pytest.skip("bin/composa is not built")
    import subprocess

    (home / "token").write_text("tok: [strange] # token\n".replace(" ", "_"))
    subprocess.run(
        [binary, "context", "create", "7", "--url", lab, "--token-file", home / "token"],
        env={**os.environ, "XDG_CONFIG_HOME": str(home)}, check=True, capture_output=True,
    )  # fmt: skip
    chosen = choose(environ={"XDG_CONFIG_HOME": str(home)})
    assert chosen == Server(lab, "tok:_[strange]_#_token", context="7")


words = st.sampled_from(["current", "contexts", "name", "url", "token", "lab", lab, ": ", "- ", "\n", "  ", "[", "]", "{", "}", "&a ", "*a", "!!python/object ", "'", '"', "|", "---", "\t", "?", "<<: "])  # fmt: skip


@given(st.binary(max_size=300) | st.lists(words, max_size=30).map(lambda w: "".join(w).encode()))
def test_any_file_is_contexts_or_an_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "contexts.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(_contexts.read(path), Contexts)
    except errors.Invalid as e:
        refused = str(e)
    else:
        return
    assert refused.startswith(f"cannot read the contexts in {path}: ")


@given(st.text() | st.text("ht:/[]@?#%.\\ 1a").map(lambda t: "http://" + t))
def test_any_text_is_a_url_or_an_error(text: str) -> None:
    try:
        url = checked_url(text)
    except errors.Invalid:
        return
    assert checked_url(url) == url
    assert url.startswith(("http://", "https://"))


def test_what_is_shown_of_a_text_is_short() -> None:
    assert abridged("x" * 40) == "x" * 40
    assert abridged("x" * 41) == "x" * 40 + "…"
