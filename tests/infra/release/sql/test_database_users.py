"""The T-SQL of the database users: the right identity, safe names, least rights, and text that SQL Server can read.

sqlglot reads conditions and grants. It does not know CREATE USER … WITH SID and DROP USER: those are compared with
the grammar of their documentation, written below as regular expressions.
"""

import re
from uuid import UUID

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from infra.release.sql.database_users import sid_of, user_statements
from stream_queries.schema import WINDOW_TABLE

CLIENT_ID = "00112233-4455-6677-8899-aabbccddeeff"
CONDITION = re.compile(r"(?P<condition>IF (?:NOT )?EXISTS \(.*?\)) (?P<body>(?:CREATE|DROP) USER .*)", re.DOTALL)
IDENTIFIER = r"\[(?:[^\]]|\]\])+\]"
CREATE_USER = re.compile(rf"CREATE USER (?P<name>{IDENTIFIER}) WITH SID = 0x[0-9A-F]{{32}}, TYPE = E")
DROP_USER = re.compile(rf"DROP USER (?P<name>{IDENTIFIER})")

names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=128)


def parts(statement: str) -> tuple[str, str]:
    """The condition of a statement and what happens under it."""
    match = CONDITION.fullmatch(statement)
    assert match is not None, statement
    return match["condition"], match["body"]


def test_the_sid_is_the_client_id_as_windows_writes_guids():
    assert sid_of(CLIENT_ID) == "0x33221100554477668899AABBCCDDEEFF"


@given(st.uuids())
def test_every_client_id_can_be_read_back_from_its_sid(client_id: UUID):
    assert UUID(bytes_le=bytes.fromhex(sid_of(str(client_id)).removeprefix("0x"))) == client_id


@pytest.mark.parametrize("wrong", ["", "batch-scoring-job", "0x33221100554477668899AABBCCDDEEFF"])
def test_what_is_not_a_client_id_is_refused(wrong: str):
    with pytest.raises(ValueError, match="badly formed"):
        sid_of(wrong)


def test_a_user_of_another_identity_goes_then_ours_comes_and_gets_its_rights():
    sid = sid_of(CLIENT_ID)
    same_name = "SELECT 1 FROM sys.database_principals WHERE name = N'job'"
    assert user_statements("job", CLIENT_ID, ["SELECT", "INSERT"], WINDOW_TABLE) == [
        f"IF EXISTS ({same_name} AND sid <> {sid}) DROP USER [job]",
        f"IF NOT EXISTS ({same_name}) CREATE USER [job] WITH SID = {sid}, TYPE = E",
        "GRANT SELECT, INSERT ON [dbo].[sensor_windows] TO [job]",
    ]


def test_only_the_permissions_that_are_asked_for_are_granted():
    (*_, grant) = user_statements("cluster", CLIENT_ID, ["SELECT"], WINDOW_TABLE)
    parsed = sqlglot.parse_one(grant, read="tsql")
    assert isinstance(parsed, exp.Grant)
    assert [privilege.sql() for privilege in parsed.args["privileges"]] == ["SELECT"]


@given(names, names.filter(lambda name: not name.startswith("#")))  # of a temporary table sqlglot's name lacks the #
def test_whatever_the_names_the_statements_are_t_sql_about_exactly_them(user: str, table: str):
    drop, create, grant = user_statements(user, CLIENT_ID, ["SELECT", "INSERT"], table)
    for statement, form in ((drop, DROP_USER), (create, CREATE_USER)):
        condition, body = parts(statement)
        looked_up = sqlglot.parse_one(condition.partition("EXISTS ")[2], read="tsql")
        assert user in [literal.this for literal in looked_up.find_all(exp.National, exp.Literal)]
        match = form.fullmatch(body)
        assert match is not None
        assert match["name"][1:-1].replace("]]", "]") == user
    parsed = sqlglot.parse_one(grant, read="tsql")
    assert isinstance(parsed, exp.Grant)
    (place,) = parsed.find_all(exp.Table)
    assert (place.db, place.name) == ("dbo", table)
    (principal,) = parsed.args["principals"]
    assert principal.this.name == user


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_name_that_sql_server_would_refuse_is_refused_here(name: str):
    with pytest.raises(ValueError, match="1 to 128 characters"):
        user_statements(name, CLIENT_ID, ["SELECT"], WINDOW_TABLE)
    with pytest.raises(ValueError, match="1 to 128 characters"):
        user_statements("cluster", CLIENT_ID, ["SELECT"], name)


def test_a_user_without_any_permission_is_refused():
    with pytest.raises(ValueError, match="no permission"):
        user_statements("cluster", CLIENT_ID, [], WINDOW_TABLE)
