"""%composa and %%composa: how lines are read, what TAB offers, and what they do in a real kernel."""

from __future__ import annotations

import os
import threading
import types
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import CompletionContext

from composa import _limits, errors
from composa.notebook import magics, magics_completion, magics_lines, magics_verbs, magics_words
from tests.conftest import MakeServer
from tests.kernels import Kernel
from tests.processes import Demo
from tests.test_inside import sshd, there  # noqa: F401 (a fixture)


def read(line: str) -> tuple[str, list[str], dict[str, list[str]]]:
    call = magics_lines.read(line)
    return call.verb.name, call.arguments, call.flags


def test_flags_are_written_in_three_ways() -> None:
    want = ("compose", ["train"], {"gpu": ["A100:4"], "p2p": ["true"]})
    assert read("compose train --gpu A100:4 --p2p") == want
    assert read("compose --gpu=A100:4 train --p2p") == want
    assert read("compose train gpu=A100:4 --p2p=true") == want


def test_nouns_are_understood_as_the_command_line_does() -> None:
    assert read("machines") == read("machine list") == read("machine ls") == ("machine ls", [], {})
    assert read("device get rack1/gpu0") == ("device show", ["rack1/gpu0"], {})
    assert read("machine free a b") == ("free", ["a", "b"], {})
    assert read("event ls -f") == ("event ls", [], {"follow": ["true"]})
    assert read("")[0] == "help"


def test_a_command_for_a_machine_is_kept_as_it_is() -> None:
    call = magics_lines.read("ssh train -- nvidia-smi -L | grep 'GPU 0' -- x")
    assert (call.arguments, call.rest) == (["train"], "nvidia-smi -L | grep 'GPU 0' -- x")
    message = magics_lines.read("compose train --message 'why -- because' --gpu 1")
    assert message.flags == {"message": ["why -- because"], "gpu": ["1"]}


def test_conditions_are_those_of_compose() -> None:
    call = magics_lines.read(
        "compose t --gpu 2 --gpu T4:1 --min gpu.memory=8GB --where 'ssd:device.size >= 1*TB' --ssd 1 --fabric rack1,rack2 --label a=b=c"
    )
    assert magics_verbs.making(call) == {
        "gpu": ["2", "T4:1"],
        "ssd": "1",
        "min": {"gpu.memory": "8GB"},
        "where": {"ssd": "device.size >= 1*TB"},
        "fabric": ["rack1", "rack2"],
        "labels": {"a": "b=c"},
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compse train", "did you mean compose"),
        ("machine shwo train", "did you mean show"),
        ("compose train --gup 4", "did you mean --gpu"),
        ("compose train gup=4", "did you mean --gpu"),
        ("compose train --lease 8h", "there is no flag --lease; it has --cpu"),
        ("compose", "NAME is missing"),
        ("compose a b", "'b' is more than it takes"),
        ("compose train --gpu", "--gpu is given without its WANT"),
        ("compose train --key a --key b", "--key is given twice"),
        ("compose train --p2p=maybe", "--p2p takes no value"),
        ("machine ls -o json", "there is no flag -o"),
        ("machine ls --output json", "objects: they show themselves"),
        ("free train -- now", "only ssh takes a command"),
        ("compose 'train", "no closing quotation"),
        ("frobnicate", "there are connect, whoami"),
        ("watch", "%composa event ls -f"),
        ("apply -f plan_1", "p.carry_out()"),
        ("users", "operators do that"),
    ],
)
def test_what_is_misspelt_is_told_with_what_may_be_meant(line: str, message: str) -> None:
    with pytest.raises(errors.Invalid) as misread:
        magics_lines.read(line)
    assert message in str(misread.value)


@pytest.mark.parametrize(
    ("text", "want"), [("90s", 90), ("1h30m", 5400), ("2d", 172800), ("0", 0), ("1.5m", 90), ("10ms", 0.01)]
)
def test_durations_are_those_of_the_command_line(text: str, want: float) -> None:
    assert magics_lines.seconds("cannot wait", text) == want


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "1h 5m", "-1s"])
def test_what_is_no_duration_is_told(text: str) -> None:
    with pytest.raises(errors.Invalid, match="not a duration"):
        magics_lines.seconds("cannot wait", text)


@given(st.text(max_size=60))
def test_any_line_is_read_or_told(line: str) -> None:
    for how in (magics_lines.read, magics_lines.read_cell):
        try:
            call = how(line)
        except errors.Invalid:
            continue
        assert call.verb.least <= len(call.arguments) <= call.verb.most


def test_help_names_every_verb_and_its_flags() -> None:
    text = magics_lines.help_text()
    for name, verb in magics_words.verbs.items():
        assert f"%composa {name}" in text
        help = magics_lines.help_text(name)
        assert all(f"--{flag.name}" in help for flag in verb.flags)


def test_a_cell_names_its_machine_by_what_it_is() -> None:
    assert magics.own_name("ana", "x = 1") == magics.own_name("ana", "x = 1")
    assert (
        len(
            {
                magics.own_name("ana", "x = 1"),
                magics.own_name("ben", "x = 1"),
                magics.own_name("ana", "x = 2"),
            }
        )
        == 3
    )


def offered(text: str) -> list[str]:
    names = {"machine": ["train"], "device": ["rack1/gpu0"], "fabric": ["rack1"]}
    return magics_completion.candidates(text, lambda noun: names.get(noun, []))


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("%composa ", "compose"),
        ("m = %composa co", "compose"),
        ("%composa machine ", "show"),
        ("%composa free ", "train"),
        ("%composa plug train ", "rack1/gpu0"),
        ("%composa compose train --g", "--gpu"),
        ("%composa compose train --fabric ", "rack1"),
        ("%composa compose train --min ", "gpu.memory="),
        ("%composa device ls --kind ", "gpu"),
        ("%composa move rack1/gpu0 --to ", "train"),
        ("%%composa ", "gpu="),
        ("%%composa ssh ", "train"),
        ("%%composa gpu=4 --n", "--name"),
    ],
)
def test_tab_offers_what_may_stand_there(text: str, some: str) -> None:
    assert some in offered(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [("%composa plug train --GP", "--GP"), ("m = %composa free tr", "tr"), ("%composa ", "")],
)
def test_tab_offers_nothing_but_what_the_magics_take(text: str, word: str) -> None:
    context = CompletionContext(word, text, len(text), 0, None)
    result = magics_completion.matched(context, lambda noun: ["train"])
    assert result["suppress"]
    assert result["matched_fragment"] == word
    assert all(c.text.lower().startswith(word.lower()) for c in result["completions"])
    other = CompletionContext("", "x = 5 % composa ", 16, 0, None)
    assert not list(magics_completion.matched(other, lambda noun: ["train"])["completions"])


def test_the_magics_are_completed_once_however_often_they_are_loaded() -> None:
    shell = types.SimpleNamespace(Completer=types.SimpleNamespace(custom_matchers=["another"]))
    for _ in range(2):
        magics_completion.add(shell, lambda: None)  # type: ignore[arg-type,return-value]
    assert len(shell.Completer.custom_matchers) == 2


@given(st.text(max_size=40))
def test_tab_never_fails(text: str) -> None:
    offered("%composa " + text)
    offered("%%composa " + text)


def test_tab_is_silent_without_a_server() -> None:
    def nobody() -> None:
        raise errors.Unreachable("no server")

    assert magics_completion.names_of(nobody)("machine") == []  # type: ignore[arg-type]


def test_tab_does_not_wait_for_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "completing", 0.05)
    silent = threading.Event()
    try:
        assert magics_completion.names_of(lambda: silent.wait())("machine") == []  # type: ignore[arg-type,return-value]
    finally:
        silent.set()


def complete(kernel: Kernel, code: str) -> list[str]:
    message = kernel.client.complete(code, len(code))
    while (said := kernel.client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != message:
        pass  # the answers of the cells that ran before
    matches: list[str] = said["content"]["matches"]
    return matches


MakeKernel = Callable[[str, str], Kernel]


@pytest.fixture(scope="module")
def k(demo: Demo) -> Iterator[Kernel]:
    """Start a kernel with the magics, which the tests of this file share."""
    it = Kernel(os.environ | {"COMPOSA_URL": demo.url, "COMPOSA_TOKEN": demo.token})
    it.run("%load_ext composa")
    yield it
    it.close()


def test_the_verbs_work_in_a_kernel(k: Kernel, name: str) -> None:
    assert "%composa compose NAME" in k.run("%composa").text
    assert f"{name}" in k.run(f"m = %composa compose {name} --gpu 2 --message 'a test'\nm").told
    plan = k.run(f"%composa plug {name} --gpu 1 --dry-run")
    assert "text/html" in plan.shown[-1]
    k.run(f"%composa plug {name} --gpu 1")
    k.run(f"%composa unplug {name} gpu=1")
    k.run(f"n = %composa reshape {name} --gpu 1")
    assert "1" in k.run("print(len([d for d in n.devices if d.kind == 'gpu']))").text
    for line in (
        "status", "available --kind gpu", "machines", f"machine show {name}", "device ls --kind gpu --free", "device show rack1/gpu0",
        "fabric ls", "fabric show rack1", "pool ls", f"operation ls --machine {name}", "event ls --limit 5", f"explain {name}", "whoami",
    ):  # fmt: skip
        shown = k.run(f"%composa {line}").shown
        assert shown, line
        assert "text/html" in shown[-1], line
        assert shown[-1]["text/plain"], line
    wrong = k.begin("%composa compse x").end()
    assert "did you mean compose" in wrong.told
    assert "Traceback" not in wrong.told
    refused = k.begin(f"%composa compose {name}-much --gpu 4000").end()
    assert refused.error in ("Refused", "Invalid")
    assert complete(k, "%composa comp") == ["compose"]
    assert complete(k, "%composa ") == sorted({verb.split()[0] for verb in magics_words.verbs})
    assert complete(k, f"%composa plug {name} --g") == ["--gpu"]
    assert complete(k, "x = %composa device ls --kind g") == ["gpu"]
    assert "gpu.memory=" in complete(k, f"%%composa gpu=1 name={name} --min gpu.m")
    assert complete(k, "%%composa gpu=1\ngetat") == ["getattr"]  # the lines of a cell are Python's
    assert name in complete(k, f"%composa free {name[:4]}")
    k.run(f"%composa free {name} --grace 0 --yes")
    k.run(f"%composa free {name} --if-exists")
    assert name not in k.run("ms = %composa machines\nprint([m.name for m in ms])").text


def test_the_site_is_the_chosen_one_else_the_variable_else_the_usual_one(
    demo: Demo, kernel: MakeKernel
) -> None:
    k = kernel(demo.url, demo.token)
    k.run("%load_ext composa\nimport composa, composa.aio")
    other = demo.url.replace("127.0.0.1", "localhost")

    def server() -> str:
        return k.run("who = %composa whoami\nprint(who.server)").text.strip()

    k.run("site = await composa.aio.connect()")
    assert "site is one of composa.aio" in k.begin("%composa whoami").end().told
    k.run("del site")
    assert complete(k, "%composa fabric show rack1") == ["rack1"]
    assert server() == demo.url
    k.run(f"site = composa.connect({other!r}, token={demo.token!r})")
    assert server() == other
    k.run("del site")
    assert server() == demo.url
    k.run(f"import os; os.environ['COMPOSA_URL'] = {other!r}")
    assert server() == other
    k.run("chosen = %composa connect")
    k.run(f"site = composa.connect({demo.url!r}, token={demo.token!r})")
    assert server() == other


def test_a_cell_has_a_machine_for_its_life(k: Kernel, name: str) -> None:
    cell = k.run(f"%%composa gpu=1 name={name}\nprint('inside', machine.name, machine.state)\nmachine.name")
    assert f"inside {name} ready" in cell.text
    assert f"runs here, in this kernel, not on {name}" in cell.text
    assert any(bundle.get("text/plain") == f"'{name}'" for bundle in cell.shown)
    assert "None" not in k.run("print(machine.refresh().freed_at)").text

    failed = k.begin(f"%%composa gpu=1 name={name}\n1 / 0").end()
    assert failed.error == "ZeroDivisionError"
    assert failed.told.count("ZeroDivisionError: division by zero") == 1
    assert "None" not in k.run("print(machine.refresh().freed_at)").text

    for broken in ("def broken(:", "return 1", "x = \n"):
        unread = k.begin(f"%%composa gpu=1 name={name}-never\nprint('ran')\n{broken}").end()
        assert unread.error == "SyntaxError"
        assert "ran\n" not in unread.text
    k.run("ops = %composa operation ls")
    composed = k.run("print([m.name for o in ops for m in o.machines])").text
    assert name in composed
    assert f"{name}-never" not in composed

    awaits = k.begin("%%composa gpu=1\nimport asyncio\nawait asyncio.sleep(0)").end()
    assert "it awaits something" in awaits.told


def test_a_cell_does_not_free_what_it_found(k: Kernel, name: str) -> None:
    k.run(f"%composa compose {name} --gpu 1")
    k.run(f"%%composa gpu=1 name={name}\npass")
    assert k.run("print(machine.refresh().freed_at)").text.strip() == "None"
    k.run(f"%composa free {name} --grace 0")


def test_an_interrupted_cell_gives_its_machine_back(k: Kernel, name: str) -> None:
    cell = k.begin(
        f"%%composa gpu=1 name={name}\nprint('begun', flush=True)\nimport threading\nthreading.Event().wait()"
    )
    cell.until(lambda c: "begun" in c.text)
    k.interrupt()
    assert cell.end().error == "KeyboardInterrupt"
    assert "None" not in k.run("print(machine.refresh().freed_at)").text


def test_the_lines_of_a_cell_run_on_the_machine(
    server: MakeServer,
    kernel: MakeKernel,
    there: sshd.Sshd,  # noqa: F811
    name: str,
) -> None:
    s = server(
        "--cpus",
        "1",
        "--gpus",
        "1",
        config=f"hosts:\n  - {{place: rack1/pcpu0, address: 127.0.0.1, login: {there.login}}}\n",
    )
    k = kernel(s.url, s.token)
    k.run(f"%load_ext composa\nm = %composa compose {name} --gpu 1")
    flags = f"--options '{' '.join(there.options)}'"
    cell = k.run(
        f"%%composa ssh {name} {flags}\nx='$HOME'\necho \"one $x {{y}}\"\ncat\necho $SSH_CONNECTION | cut -d' ' -f3"
    )
    assert cell.text == "one $HOME {y}\n127.0.0.1\n"
    failed = k.begin(f"%%composa ssh {name} {flags}\nfalse\nexit 7").end()
    assert failed.error == "CommandFailed"
    assert f"{name}: the cell returned 7" in failed.told
    assert k.run(f"r = %composa ssh {name} {flags} -- echo a b\nprint(r.returncode)").text == "a b\n0\n"


def test_what_concerns_several_machines_works_in_a_kernel(k: Kernel, name: str) -> None:
    for which in ("a", "b"):
        k.run(f"{which} = %composa compose {name}-{which} --gpu 1 --fabric rack2 --label for={name}")
    k.run("place = next(d.place for d in a.devices if d.kind == 'gpu')")
    k.run(f"%composa move {{place}} --from {name}-a --to {name}-b")
    assert k.run("print(place in [d.place for d in b.refresh().devices])").text.strip() == "True"
    k.run(f"ops = %composa operation ls --machine {name}-b --verb move")
    assert "move" in k.run("%composa operation show {ops[0].id}").told
    assert "done" in k.run("%composa operation wait {ops[0].id} --timeout 1m").told
    k.run("some = %composa event ls --limit 5")
    follows = k.begin("%composa event ls --follow --after {some[0].id}").until(
        lambda cell: bool(cell.text.strip())
    )
    k.interrupt()
    assert follows.end().error == "KeyboardInterrupt"
    taken = k.run(f"%composa free --label for={name} --dry-run")
    assert taken.shown
    freed = k.run(f"freed = %composa free --label for={name} --grace 0")
    assert f"label for={name}: {name}-a (of admin), {name}-b (of admin)" in freed.text
    assert k.run("print(type(freed).__name__, len(freed))").text == "Listing 2\n"
    assert f"no machine has label for={name}" in k.run(f"%composa free --label for={name}").text
    assert k.run("print(a.refresh().state, b.refresh().state)").text.strip() == "freed freed"
    nobody = k.begin(f"%composa free {name}-nobody").end()
    assert nobody.error == "NotFound"
    assert "was freed" not in k.begin("%composa free").end().told
