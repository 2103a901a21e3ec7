"""Types for vendors' JSON."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, ValidationError

from providers.values import ListOf, Text, TupleOf, number_or_text


class Row(BaseModel):
    text: Text = ""
    id: Annotated[str, BeforeValidator(number_or_text)] = ""
    some: ListOf[int] = []
    more: TupleOf[Text] = ()


def test_null_is_empty() -> None:
    nulls = dict.fromkeys(("text", "id", "some", "more"))
    assert Row.model_validate(nulls) == Row()


def test_texts_can_be_stored() -> None:
    row = Row.model_validate({"text": "a\x00b\ud800", "more": ["\x00c"]})
    assert (row.text, row.more) == ("ab?", ("c",))


def test_ids_are_texts_or_numbers() -> None:
    assert [Row.model_validate({"id": id_}).id for id_ in (7, "7")] == ["7", "7"]


@pytest.mark.parametrize(
    "wrong",
    [{"text": 7}, {"id": True}, {"id": 0.5}, {"id": []}, {"some": ["x"]}, {"more": {}}],
)
def test_the_rest_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Row.model_validate(wrong)
