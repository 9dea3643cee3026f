"""The documents of the REST interface, made from api/openapi.yaml by generate.py."""

from __future__ import annotations

from typing import Annotated, Any

from composa._wirebase import Wire
from pydantic import AwareDatetime, ConfigDict, Field


class AvailableThere(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    all: int
    fabric: str
    free: int


class CarryOut(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    plan: Annotated[str, Field(examples=["plan_k3v9q2xwabcdefgh"], max_length=63)]
    """
    Id of the plan
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class CheckLine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    name: Annotated[str, Field(examples=["answers"])]
    ok: bool
    seconds: float
    text: Annotated[str, Field(examples=["Liqid 2.5, emulated"])]


class ChosenEntry(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    entry: Annotated[str, Field(examples=["gpu"])]
    kind: Annotated[str, Field(examples=["gpu"])]
    places: Annotated[list[str], Field(examples=[["rack1/gpu3"]])]
    why: list[str] | None = None
    """
    The rules that decided
    """


class Cordon(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    at: AwareDatetime
    by: str
    reason: str


class Device(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    address: str | None = None
    """
    Address of the host behind a cpu
    """
    bus: Annotated[str | None, Field(examples=["gen4"])] = None
    cordon: Cordon | None = None
    cores: int | None = None
    """
    Processor cores
    """
    emulated: bool | None = None
    fabric: Annotated[str, Field(examples=["rack1"])]
    firmware: str | None = None
    first_seen: Annotated[AwareDatetime, Field(alias="firstSeen")]
    free: bool
    """
    A request that names no pool could get it now
    """
    health: Annotated[str, Field(examples=["ok"])]
    hygiene: Annotated[str, Field(examples=["clean"])]
    id: Annotated[str, Field(examples=["dev_k3v9q2xwabcdefgh"])]
    ipmi: str | None = None
    """
    Address of a node's management controller
    """
    kind: Annotated[str, Field(examples=["gpu"])]
    labels: dict[str, str] | None = None
    lanes: int | None = None
    """
    PCIe lanes as trained
    """
    learning: bool | None = None
    """
    Its details were not read yet
    """
    login: str | None = None
    machine: str | None = None
    """
    Name of the machine that has it, where it is in a project of yours
    """
    machine_id: Annotated[str | None, Field(alias="machineId")] = None
    memory: Annotated[int | None, Field(examples=[42949672960])] = None
    """
    Bytes of memory; absent where the fabric does not say
    """
    model: Annotated[str | None, Field(examples=["A100"])] = None
    place: Annotated[str, Field(examples=["rack1/gpu3"])]
    """
    Where it is now
    """
    pool: str | None = None
    project: str | None = None
    """
    Project of that machine
    """
    revision: int
    serial: str | None = None
    size: int | None = None
    """
    Bytes of a drive
    """
    speed: int | None = None
    """
    Bits per second of a network link
    """
    switch: str | None = None
    """
    Switch it hangs on
    """
    threads: int | None = None
    use: Annotated[str, Field(examples=["free"])]
    vendor: Annotated[str | None, Field(examples=["NVIDIA"])] = None
    why_not: Annotated[str | None, Field(alias="whyNot", examples=["claimed"])] = None
    """
    Why not, where it is not free
    """


class Devices(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Device]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Drift(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    device: Annotated[str | None, Field(examples=["rack1/gpu3"])] = None
    sort: Annotated[str, Field(examples=["vanished"])]
    text: Annotated[str | None, Field(examples=["rack1/gpu3 is not in it"])] = None
    """
    What it is, for people
    """


class Earliest(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    at: AwareDatetime | None = None
    """
    Absent where it is not known
    """
    fabric: str
    operations: list[str] | None = None
    """
    Those of your projects that give back what is needed
    """
    others: int | None = None
    """
    How many more operations do
    """


class EditDevice(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    address: Annotated[str | None, Field(max_length=253)] = None
    """
    Address of the host behind a cpu; empty: forget it
    """
    cordon: Annotated[str | None, Field(max_length=500)] = None
    """
    Reason for keeping it from being given out; empty: give it out again
    """
    labels: dict[str, str | None] | None = None
    """
    null removes a label
    """
    login: Annotated[str | None, Field(max_length=64)] = None


class EditPool(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    labels: dict[str, str | None] | None = None
    """
    Labels to set; null removes one
    """
    most: Annotated[int | None, Field(ge=0, le=100000)] = None
    """
    How many devices it may hold; 0: any number
    """
    where: Annotated[str | None, Field(examples=['device.labels.team == "vision"'])] = (
        None
    )
    """
    Its condition; empty: none, it holds what was put into it
    """


class Event(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    at: AwareDatetime
    body: Any | None = None
    cause: str | None = None
    id: str
    principal: str
    project: str | None = None
    revision: int | None = None
    subject: str
    type: Annotated[str, Field(examples=["machine.ready"])]


class Events(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Event]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class FabricCheck(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    checks: list[CheckLine]
    fabric: str
    ok: bool


class FreeMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    grace: Annotated[int | None, Field(examples=[120], ge=0, le=86400)] = None
    """
    Seconds its host may take to shut down before its power is cut, or, where the fabric cannot cut it (Liqid 2.5), before it is asked once more; 120 unless said; 0: at once
    """
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class Health(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    status: Annotated[str, Field(examples=["ok"])]


class InventoryMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[str]
    label: str
    machine: str | None = None
    """
    Name of ours, in a project of yours
    """
    native: str
    ours: bool
    p2p: bool
    power: str


class MachineDevice(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    entry: Annotated[str | None, Field(examples=["gpu"])] = None
    """
    Line of the wish that it serves
    """
    id: Annotated[str, Field(examples=["dev_k3v9q2xwabcdefgh"])]
    kind: Annotated[str, Field(examples=["gpu"])]
    model: Annotated[str | None, Field(examples=["A100"])] = None
    place: Annotated[str, Field(examples=["rack1/gpu3"])]
    """
    Where the device is; empty while it is in no place, gone or exchanged
    """
    state: Annotated[str, Field(examples=["attached"])]


class Move(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    ids: Annotated[list[str], Field(examples=[["rack1/gpu3"]])]
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """
    to: Annotated[str, Field(examples=["render"])]
    """
    Name or id of the machine that gets them, in the same project. An id means that machine, and no other that has its name by now
    """


class Moved(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    by: str | None = None
    """
    Who changed it, where that is known
    """
    operation: str | None = None
    """
    The operation that changed it, where that is known
    """
    subject: Annotated[str, Field(examples=["rack1/gpu3"])]
    """
    Name of the machine, pool or fabric, or the place
    """
    text: Annotated[str, Field(examples=['rack1/gpu3 is claimed by "render"'])]
    what: str


class NearMiss(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    field: Annotated[str, Field(examples=["memory"])]
    kind: Annotated[str, Field(examples=["gpu"])]
    least: int
    """
    What the farthest of the devices has
    """
    most: int
    """
    What the nearest of the devices has
    """
    operator: Annotated[str, Field(examples=[">="])]
    """
    How the field was to stand to want: >=, >, <= or <
    """
    text: str
    want: int
    """
    Bytes, bits per second, or a count
    """


class NewPool(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    ids: list[str] | None = None
    """
    Its first devices
    """
    labels: dict[str, str] | None = None
    most: Annotated[int | None, Field(ge=0, le=100000)] = None
    name: Annotated[str, Field(examples=["vision"])]
    project: Annotated[str | None, Field(examples=["default"])] = None
    where: Annotated[str | None, Field(examples=['device.labels.team == "vision"'])] = (
        None
    )
    """
    A condition, in CEL over device: the pool also holds what meets it and was put into no pool
    """


class NewToken(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    expires: Annotated[int | None, Field(examples=[7776000], ge=0, le=31536000)] = None
    """
    Seconds after which it ends; 0 or absent: not by itself
    """
    note: Annotated[str | None, Field(examples=["notebooks"])] = None
    """
    What it is for
    """
    user: Annotated[str | None, Field(examples=["ada"])] = None
    """
    As whom it lets act; who asks unless said
    """


class NewUser(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    name: Annotated[str, Field(examples=["ada"])]
    project: Annotated[str | None, Field(examples=["default"])] = None
    """
    That the user becomes a member of; default unless said
    """


class OperationMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    id: str
    name: str


class PlanMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[MachineDevice]
    exists: bool
    """
    False where the plan frees it
    """
    id: str
    name: str


class PoolDevices(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    ids: Annotated[list[str], Field(examples=[["rack1/gpu3"]])]


class PoolMove(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    from_: Annotated[str | None, Field(alias="from", examples=["vision"])] = None
    """
    The pool it was in; absent: none, or another project's
    """
    id: str
    """
    Id of the device
    """
    machine: str | None = None
    """
    The machine of yours that has it, and keeps it
    """
    place: Annotated[str, Field(examples=["rack1/gpu3"])]
    to: str | None = None
    """
    The pool it is in; absent: none, or another project's
    """


class ProblemPlace(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    column: Annotated[int | None, Field(examples=[8])] = None
    """
    Of a condition: the character of that line, from 1
    """
    line: Annotated[int | None, Field(examples=[1])] = None
    """
    Of a condition: the line where it is wrong, from 1
    """
    location: Annotated[str, Field(examples=["body.devices[1].count"])]
    message: str


class Project(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    id: str
    name: str


class Projects(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Project]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Relaxed(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    entry: str | None = None
    """
    Line of the wish; absent for fabric and pool
    """
    from_: Annotated[str, Field(alias="from")]
    to: str | None = None
    """
    Absent: not asked any more
    """
    what: Annotated[str, Field(examples=["count"])]
    """
    count, model, where, fabric, pool, or min and a field
    """


class Removed(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    condition: Annotated[str, Field(examples=["claimed"])]
    count: int
    near: NearMiss | None = None
    """
    Every device that would have served but for this missed it by less than a tenth
    """


class Reshape(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """
    totals: Annotated[dict[str, int], Field(examples=[{"gpu": 4}])]


class Result(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    code: str | None = None
    """
    Absent when it was done; done with a text: a person resolved it
    """
    text: str
    ways: list[str] | None = None
    """
    Held: what a person can do
    """
    where: list[str] | None = None
    """
    Held or resolved: what is where
    """


class Share(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    all: int
    free: int
    kind: str


class SignedIn(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    expires_at: Annotated[AwareDatetime | None, Field(alias="expiresAt")] = None
    """
    When it ends; absent: not by itself
    """
    id: Annotated[str, Field(examples=["tok_k3v9q2xwabcdefgh"])]


class Since(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    now: str | None = None
    """
    Of one that moved: its place now
    """
    place: Annotated[str, Field(examples=["rack1/gpu3"])]
    """
    Where it was chosen
    """
    what: Annotated[str, Field(examples=["gone"])]
    """
    gone: it was taken out of its fabric; missing: the fabric does not show it; exchanged: another part is in its place; left: the machine has it no more; unused: the operation went on without it; moved: it sits at another place
    """


class Site(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    emulated: bool | None = None
    """
    Some fabric is pretend hardware
    """
    features: list[str]
    """
    Names that only grow
    """
    incarnation: str
    limits: dict[str, int]
    """
    Every limit by name
    """
    now: AwareDatetime
    principal: str
    projects: list[str]
    role: str
    """
    Of who asks: admin administers the site
    """
    site: str
    token: SignedIn | None = None
    """
    The token that who asks shows
    """
    version: str


class Step(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    act: Annotated[str, Field(examples=["reshape"])]
    attach: list[str] | None = None
    attempt: int | None = None
    began_at: Annotated[AwareDatetime | None, Field(alias="beganAt")] = None
    detach: list[str] | None = None
    direction: str | None = None
    disturbs: list[str] | None = None
    """
    host, power, data, p2p
    """
    ended_at: Annotated[AwareDatetime | None, Field(alias="endedAt")] = None
    evidence: str | None = None
    generation: int | None = None
    """
    A plan that is made again gets a new one
    """
    machine: str | None = None
    ordinal: int
    state: str | None = None
    text: Annotated[str, Field(examples=["attach rack1/gpu0, rack1/gpu1 to train"])]


class Token(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    created_by: Annotated[str, Field(alias="createdBy")]
    expires_at: Annotated[AwareDatetime | None, Field(alias="expiresAt")] = None
    """
    When it ends; absent: not by itself
    """
    id: Annotated[str, Field(examples=["tok_k3v9q2xwabcdefgh"])]
    """
    By which it is listed and removed; no secret
    """
    next: str | None = None
    """
    What to do where the text was not received, in an answer that cannot show it again
    """
    note: Annotated[str | None, Field(examples=["notebooks"])] = None
    """
    What it is for
    """
    token: str | None = None
    """
    Its text, a secret: in the answer that tells of its making, and never again
    """
    user: Annotated[str, Field(examples=["ada"])]
    """
    As whom it lets act
    """


class Tokens(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Token]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Unplug(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    counts: Annotated[dict[str, int] | None, Field(examples=[{"gpu": 1}])] = None
    ids: Annotated[list[str] | None, Field(examples=[["rack1/gpu3"]])] = None
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class User(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    created_by: Annotated[str, Field(alias="createdBy")]
    id: Annotated[str, Field(examples=["user_k3v9q2xwabcdefgh"])]
    name: Annotated[str, Field(examples=["ada"])]
    projects: list[str]
    """
    Names of the projects that the user is a member of
    """
    role: str
    """
    admin administers the site: makes users, and looks after everybody's tokens
    """


class Users(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[User]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Want(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    count: Annotated[int | None, Field(examples=[4])] = None
    """
    How many; with ids their number, or left out
    """
    ids: Annotated[list[str] | None, Field(examples=[["rack1/gpu3"]])] = None
    """
    Exactly these devices
    """
    ipmi: Annotated[str | None, Field(examples=["192.0.2.12"])] = None
    """
    The cpu whose management controller has this address
    """
    kind: Annotated[str, Field(examples=["gpu"])]
    """
    Sort of device
    """
    min: Annotated[
        dict[str, Any] | None, Field(examples=[{"memory": "40GB"}], max_length=8)
    ] = None
    """
    The least that each device must have, by field: memory, size, cores, threads, lanes, speed. A quantity with a unit, or a number of bytes, of bits per second, or of things
    """
    model: Annotated[str | None, Field(examples=["A100"])] = None
    """
    Any part of the model's name, in any case
    """
    where: Annotated[
        str | None, Field(examples=["device.speed >= 100*Gb"], max_length=1024)
    ] = None
    """
    A condition on each device, in CEL over device
    """


class Wish(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[Want]
    """
    What it is made of; one cpu is added where none is named
    """
    fabrics: Annotated[list[str] | None, Field(examples=[["rack1"]])] = None
    """
    Fabrics that will do; none named: any
    """
    labels: dict[str, str] | None = None
    """
    Words of your own
    """
    p2p: bool | None = None
    """
    Peer-to-peer traffic between its GPUs
    """
    pool: Annotated[str | None, Field(examples=["vision"])] = None
    """
    Pool to take from; none named: devices in no pool
    """
    power: Annotated[str | None, Field(examples=["on"])] = None
    """
    on: powered on once made, where the fabric can; keep: left alone. on unless said
    """


class Available(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    all: int
    fabrics: list[AvailableThere]
    free: int
    """
    Free now, in no pool
    """
    kind: Annotated[str, Field(examples=["gpu"])]
    model: Annotated[str, Field(examples=["A100"])]
    """
    unknown where the fabric does not say
    """
    most: int
    """
    The most that one machine could get now
    """


class AvailableList(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Available]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class EntryAccount(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    entry: str
    had: int
    """
    Devices of the kind on the fabric
    """
    kind: str
    left: int
    lost: list[Removed]
    """
    In the order in which conditions apply
    """
    wanted: int


class Fabric(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    access: str
    acts: list[str]
    """
    What it can do
    """
    age: float | None = None
    """
    Seconds since then: how old what is shown is
    """
    driver: Annotated[str, Field(examples=["liqid"])]
    emulated: bool | None = None
    epoch: int
    """
    Number of the server's present tenure
    """
    era: Annotated[str | None, Field(examples=["2.5"])] = None
    """
    The vendor's software line, as found out
    """
    foreign: int
    """
    Machines in it that are not ours
    """
    kinds: list[Share]
    machines: int
    """
    Machines of ours in it
    """
    name: Annotated[str, Field(examples=["rack1"])]
    read_only: Annotated[str | None, Field(alias="readOnly")] = None
    """
    Why nothing is changed on it although its access is manage, and what to do about it
    """
    reason: str | None = None
    """
    Why it is silent
    """
    revision: int
    seen: AwareDatetime | None = None
    """
    When the newest complete picture began
    """
    silent_since: Annotated[AwareDatetime | None, Field(alias="silentSince")] = None
    source: str
    state: str
    """
    new until the first complete picture; stale from the start of the server until it was read again: what is shown is from before, of seen
    """
    url: str | None = None


class FabricAccount(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    against: str | None = None
    """
    What spoke against a fabric that could serve too
    """
    entries: list[EntryAccount] | None = None
    fabric: str
    fits: bool | None = None
    """
    It could serve the request
    """
    more_entries: Annotated[int | None, Field(alias="moreEntries")] = None
    """
    How many lines of the wish are not told one by one
    """
    reason: str | None = None
    """
    Set where the fabric as a whole is out
    """


class Fabrics(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Fabric]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Inventory(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    began: AwareDatetime
    complete: bool
    devices: list[Device]
    fabric: str
    machines: list[InventoryMachine]


class Nearest(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    counts: dict[str, int]
    devices: list[Want]
    """
    The lines of a wish that fits
    """
    fabric: str
    pool: str | None = None
    relaxed: list[Relaxed]
    """
    How it differs from what was asked
    """
    text: str
    """
    The same in a sentence, which a problem says next
    """
    write: Annotated[
        str | None, Field(examples=["--fabric rack2 --cpu 1 --gpu A100:8"])
    ] = None
    """
    What to write on the command line
    """


class NewMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[Want]
    """
    What it is made of; one cpu is added where none is named
    """
    fabrics: Annotated[list[str] | None, Field(examples=[["rack1"]])] = None
    """
    Fabrics that will do; none named: any
    """
    labels: dict[str, str] | None = None
    """
    Words of your own
    """
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    name: Annotated[str, Field(examples=["train"])]
    """
    A DNS label, unique among the living machines of its project
    """
    p2p: bool | None = None
    """
    Peer-to-peer traffic between its GPUs
    """
    pool: Annotated[str | None, Field(examples=["vision"])] = None
    """
    Pool to take from; none named: devices in no pool
    """
    power: Annotated[str | None, Field(examples=["on"])] = None
    """
    on: powered on once made, where the fabric can; keep: left alone. on unless said
    """
    project: Annotated[str | None, Field(examples=["default"])] = None
    """
    The project; default unless said
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class Plug(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[Want]
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class PoolChange(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    dry_run: Annotated[bool | None, Field(alias="dryRun")] = None
    """
    Nothing was changed
    """
    lines: list[str]
    """
    The same in sentences, for people
    """
    moves: list[PoolMove]
    """
    Devices that come into another pool
    """


class PutMachine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    devices: list[Want]
    """
    What it is made of; one cpu is added where none is named
    """
    fabrics: Annotated[list[str] | None, Field(examples=[["rack1"]])] = None
    """
    Fabrics that will do; none named: any
    """
    labels: dict[str, str] | None = None
    """
    Words of your own
    """
    message: Annotated[
        str | None, Field(examples=["retraining the model"], max_length=500)
    ] = None
    """
    Why, for the record
    """
    p2p: bool | None = None
    """
    Peer-to-peer traffic between its GPUs
    """
    pool: Annotated[str | None, Field(examples=["vision"])] = None
    """
    Pool to take from; none named: devices in no pool
    """
    power: Annotated[str | None, Field(examples=["on"])] = None
    """
    on: powered on once made, where the fabric can; keep: left alone. on unless said
    """
    timeout: Annotated[int | None, Field(examples=[600], ge=0, le=604800)] = None
    """
    Seconds after which waiting for a silent fabric ends; 0: never
    """


class Explanation(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    chosen: list[ChosenEntry] | None = None
    """
    Of a choice: what each line of the wish was given, and why
    """
    cut: bool | None = None
    """
    That not all was found out, since it cost too much to tell
    """
    earliest: Earliest | None = None
    """
    Of a refusal: what must happen first so that exactly this fits; absent where it is not known
    """
    fabric: str | None = None
    """
    The fabric that was chosen; absent in a refusal
    """
    fabrics: list[FabricAccount]
    """
    What the request met on each fabric
    """
    lines: list[str]
    """
    All of it for people, a line each
    """
    more_fabrics: Annotated[int | None, Field(alias="moreFabrics")] = None
    """
    How many fabrics are not told one by one
    """
    nearest: Nearest | None = None
    """
    Of a refusal: the nearest request that fits now
    """
    since: list[Since] | None = None
    """
    Of an operation: chosen devices that are not as they were chosen any more
    """
    text: str
    """
    The shortest true reason
    """


class Machine(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    address: Annotated[str | None, Field(examples=["10.0.0.12"])] = None
    boot_image: Annotated[str | None, Field(alias="bootImage")] = None
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    devices: list[MachineDevice]
    drift: list[Drift] | None = None
    """
    How it differs from its record, where no operation explains it
    """
    emulated: bool | None = None
    """
    Its fabric is pretend hardware
    """
    explanation: Explanation | None = None
    """
    The account of the choice, in the answer to a request with explain
    """
    fabric: Annotated[str | None, Field(examples=["rack1"])] = None
    freed_at: Annotated[AwareDatetime | None, Field(alias="freedAt")] = None
    id: Annotated[str, Field(examples=["mach_k3v9q2xwabcdefgh"])]
    label: Annotated[str | None, Field(examples=["traink3v9q2xw"])] = None
    """
    Its name on the fabric
    """
    labels: dict[str, str] | None = None
    login: Annotated[str | None, Field(examples=["ubuntu"])] = None
    name: Annotated[str, Field(examples=["train"])]
    native: Annotated[str | None, Field(examples=["7"])] = None
    """
    The fabric's handle of it
    """
    operation: Annotated[str | None, Field(examples=["op_k3v9q2xwabcdefgh"])] = None
    """
    The operation that changes it now, or made this change
    """
    os: str | None = None
    owner: Annotated[str, Field(examples=["admin"])]
    p2p: bool | None = None
    power: Annotated[str, Field(examples=["on"])]
    project: Annotated[str, Field(examples=["default"])]
    reach: Annotated[str, Field(examples=["no address"])]
    """
    no address: none is known of its host; unknown: one is, and nobody asked whether it answers
    """
    revision: Annotated[int, Field(examples=[3])]
    state: Annotated[str, Field(examples=["ready"])]
    state_age: Annotated[float, Field(alias="stateAge")]
    updated_at: Annotated[AwareDatetime, Field(alias="updatedAt")]
    wish: Wish


class Machines(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Machine]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class NewPlan(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    compose: PutMachine | None = None
    free: FreeMachine | None = None
    machine: Annotated[str, Field(examples=["train"])]
    """
    Its name; of one that exists also its id
    """
    move: Move | None = None
    plug: Plug | None = None
    project: Annotated[str | None, Field(examples=["default"])] = None
    reshape: Reshape | None = None
    unplug: Unplug | None = None
    verb: str


class Operation(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    behind: str | None = None
    """
    The operation that it waits for
    """
    cancel_requested: Annotated[bool | None, Field(alias="cancelRequested")] = None
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    deadline: AwareDatetime | None = None
    direction: str
    emulated: bool | None = None
    ended_at: Annotated[AwareDatetime | None, Field(alias="endedAt")] = None
    explanation: Explanation | None = None
    """
    The account of the choice, in the answer to a request with explain
    """
    fabric: str | None = None
    id: Annotated[str, Field(examples=["op_k3v9q2xwabcdefgh"])]
    machines: list[OperationMachine]
    message: str | None = None
    phase: str
    principal: str
    """
    Who asked
    """
    project: str
    reason: str | None = None
    """
    Why it waits, is undone or held
    """
    result: Result | None = None
    revision: int
    started_at: Annotated[AwareDatetime | None, Field(alias="startedAt")] = None
    steps: list[Step]
    typical: float | None = None
    """
    Seconds that the like of it took lately; absent where there was none
    """
    verb: str


class Operations(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Operation]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Plan(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    devices: list[MachineDevice]
    """
    What the machine would be made of; empty for a machine that is freed
    """
    disturbs: list[str]
    """
    What in use it disturbs: host, power, data, p2p
    """
    emulated: bool | None = None
    expires_at: Annotated[AwareDatetime, Field(alias="expiresAt")]
    explanation: Explanation | None = None
    """
    The account of the choice; absent where nothing had to be chosen
    """
    fabric: str | None = None
    id: str
    machine: str
    machines: list[PlanMachine]
    """
    What becomes of each machine that it changes; a move changes two
    """
    needs_owner: Annotated[list[str] | None, Field(alias="needsOwner")] = None
    """
    Drives that may hold data and are left alone
    """
    operation: str | None = None
    """
    The operation that carries it out, or did
    """
    project: str
    steps: list[Step]
    typical: float | None = None
    """
    Seconds that the like of it took lately
    """
    verb: str
    why: list[str] | None = None
    """
    Why this fabric and these devices
    """


class Pool(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    change: PoolChange | None = None
    """
    What the change does that this answers; absent in an answer by an earlier request with the key
    """
    created_at: Annotated[AwareDatetime, Field(alias="createdAt")]
    devices: list[str]
    """
    Places of its devices
    """
    free: int
    id: str
    labels: dict[str, str] | None = None
    most: int | None = None
    """
    How many devices it may hold; absent: any number
    """
    name: Annotated[str, Field(examples=["vision"])]
    of: Annotated[int | None, Field(examples=[48])] = None
    """
    How many devices the site has, in pools and in none
    """
    owner: str
    project: str
    revision: int
    """
    Of a dry run: the one that it is at, 0 where it is not there
    """
    where: Annotated[str | None, Field(examples=['device.labels.team == "vision"'])] = (
        None
    )
    """
    A condition: devices that meet it and were put into no pool are in the oldest pool whose condition they meet
    """


class Pools(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    """
    When the list was read
    """
    items: list[Pool]
    next: str | None = None
    """
    Give it as cursor to get the next page; absent on the last
    """


class Problem(Wire):
    model_config = ConfigDict(
        extra="ignore",
    )
    code: Annotated[str, Field(examples=["refused"])]
    """
    Stable; for programs
    """
    detail: Annotated[
        str, Field(examples=['cannot plug "train": rack1/gpu3 is claimed'])
    ]
    errors: list[ProblemPlace] | None = None
    """
    What is wrong where in the request: the first 20, then how many more
    """
    moved: list[Moved] | None = None
    """
    Code moved, of a plan: what is not as it was
    """
    next: str | None = None
    """
    What to do about it
    """
    operation: str | None = None
    """
    The operation that this came of
    """
    refusal: Explanation | None = None
    """
    Code refused: what each condition removed, and what would fit
    """
    request: str | None = None
    """
    Id of the request, as in the log
    """
    retryable: bool
    """
    The same call may succeed if it is just made again
    """
    status: Annotated[int, Field(examples=[409])]
    title: Annotated[str, Field(examples=["Conflict"])]
    type: str | None = None
    """
    about:blank
    """
