"""What all models of REST documents have in common."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """One document of the REST interface.

    Fields that a newer server adds are ignored, and words that it adds to an
    enumeration are taken as they are: both may grow (docs/compatibility.md).
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True, protected_namespaces=())
