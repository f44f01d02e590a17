"""The JSON in the page: every text as it is, and none that HTML would interpret."""

import json

from hypothesis import given
from hypothesis import strategies as st
from jinja2.utils import htmlsafe_json_dumps

from cwa_pipeline.page.render import _json

TEXTS = st.text() | st.lists(
    st.sampled_from(["</script>", "<!--", "]]>", "&amp;", "'", '"', "\\", "\u2028", "\x00", "é"])
).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES)
def test_the_json_of_the_page_reads_back_and_has_no_character_that_html_interprets(value: object) -> None:
    written = str(htmlsafe_json_dumps(value, dumps=_json))
    assert json.loads(written) == json.loads(json.dumps(value)) == value
    assert not {"<", ">", "&", "'"} & {*written}
