"""CAST, TRY_CAST and GetType: from what a JSON body holds to the five scalar types, never raising under TRY_CAST.

Source: https://learn.microsoft.com/stream-analytics-query/data-types-azure-stream-analytics
"""

from stream_queries.engine.compile.typed import DUCKDB_TYPES, Type, Typed
from stream_queries.engine.language.lint import RefusedError

CAST_TARGETS = {
    "bigint": Type.BIGINT,
    "float": Type.FLOAT,
    "nvarchar(max)": Type.TEXT,
    "datetime": Type.DATETIME,
    "bit": Type.BIT,
}

DATETIME_PATTERN = (
    r"\d{4}-\d{2}-\d{2}"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
    r"(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)?)?"
)
"""ISO 8601: a date, or date and time with or without an offset, which is then UTC."""

FLOAT_PATTERN = r" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *"

MACROS = rf"""
CREATE MACRO asa_in_range(t) AS
    CASE WHEN t >= TIMESTAMP '0001-01-01' AND t < TIMESTAMP '9999-12-31' + INTERVAL 1 DAY THEN t END;
CREATE MACRO asa_offset_minutes(text) AS
    CASE WHEN regexp_matches(text, '[+-]\d\d:\d\d$') THEN
        TRY_CAST(text[-6] || '1' AS BIGINT)
        * (TRY_CAST(text[-5:-4] AS BIGINT) * 60 + TRY_CAST(text[-2:] AS BIGINT))
    ELSE 0 END;
CREATE MACRO asa_local_time(text) AS
    TRY_CAST(regexp_replace(regexp_replace(text, '(Z|[+-]\d\d:\d\d)$', ''), '(\.\d{{6}})\d+$', '\1') AS TIMESTAMP);
CREATE MACRO asa_datetime(text) AS
    CASE WHEN regexp_full_match(text, '{DATETIME_PATTERN}') THEN
        asa_in_range(asa_local_time(text) - to_minutes(asa_offset_minutes(text)))
    END;
CREATE MACRO asa_iso(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%f') || '0Z';
CREATE MACRO asa_float(text) AS
    CASE WHEN regexp_full_match(text, '{FLOAT_PATTERN}') THEN TRY_CAST(trim(text) AS DOUBLE) END;
CREATE MACRO asa_bigint(text) AS
    CASE WHEN regexp_full_match(text, ' *[+-]?\d+ *') THEN TRY_CAST(trim(text) AS BIGINT) END;
CREATE MACRO asa_whole(number) AS CASE WHEN number = trunc(number) THEN TRY_CAST(number AS BIGINT) END;
CREATE MACRO asa_bit(text) AS
    CASE WHEN lower(text) IN ('true', '1') THEN TRUE WHEN lower(text) IN ('false', '0') THEN FALSE END;
CREATE MACRO asa_type(json) AS
    CASE json_type(json)
        WHEN 'UBIGINT' THEN 'bigint' WHEN 'BIGINT' THEN 'bigint' WHEN 'DOUBLE' THEN 'float'
        WHEN 'VARCHAR' THEN 'nvarchar(max)' WHEN 'BOOLEAN' THEN 'bit'
        WHEN 'OBJECT' THEN 'record' WHEN 'ARRAY' THEN 'array'
    END;
CREATE MACRO asa_text(json) AS json_extract_string(json, '$');
CREATE MACRO asa_json_float(json) AS
    CASE asa_type(json)
        WHEN 'bigint' THEN TRY_CAST(json AS DOUBLE) WHEN 'float' THEN TRY_CAST(json AS DOUBLE)
        WHEN 'nvarchar(max)' THEN asa_float(asa_text(json))
    END;
CREATE MACRO asa_json_bigint(json) AS
    CASE asa_type(json)
        WHEN 'bigint' THEN TRY_CAST(json AS BIGINT) WHEN 'float' THEN asa_whole(TRY_CAST(json AS DOUBLE))
        WHEN 'nvarchar(max)' THEN asa_bigint(asa_text(json))
    END;
CREATE MACRO asa_json_datetime(json) AS
    CASE WHEN asa_type(json) = 'nvarchar(max)' THEN asa_datetime(asa_text(json)) END;
CREATE MACRO asa_json_bit(json) AS
    CASE asa_type(json)
        WHEN 'bit' THEN asa_bit(json) WHEN 'bigint' THEN asa_bit(json) WHEN 'nvarchar(max)' THEN asa_bit(asa_text(json))
    END;
"""
"""SQL that every connection of the engine needs; `json` is the JSON text of one value, NULL for a missing one."""

CONVERSIONS: dict[tuple[Type, Type], str] = {
    (Type.UNTYPED, Type.TEXT): "asa_text({0})",
    (Type.UNTYPED, Type.FLOAT): "asa_json_float({0})",
    (Type.UNTYPED, Type.BIGINT): "asa_json_bigint({0})",
    (Type.UNTYPED, Type.DATETIME): "asa_json_datetime({0})",
    (Type.UNTYPED, Type.BIT): "asa_json_bit({0})",
    (Type.TEXT, Type.FLOAT): "asa_float({0})",
    (Type.TEXT, Type.BIGINT): "asa_bigint({0})",
    (Type.TEXT, Type.DATETIME): "asa_datetime({0})",
    (Type.TEXT, Type.BIT): "asa_bit({0})",
    (Type.BIGINT, Type.FLOAT): "CAST({0} AS DOUBLE)",
    (Type.BIGINT, Type.TEXT): "CAST({0} AS VARCHAR)",
    (Type.BIGINT, Type.BIT): "CASE {0} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END",
    (Type.FLOAT, Type.BIGINT): "asa_whole({0})",
    (Type.FLOAT, Type.TEXT): "CAST({0} AS VARCHAR)",
    (Type.DATETIME, Type.TEXT): "asa_iso({0})",
    (Type.BIT, Type.BIGINT): "CAST({0} AS BIGINT)",
    (Type.BIT, Type.TEXT): "CAST({0} AS VARCHAR)",
}


def cast(operand: Typed, target: str, *, attempt: bool, line: int) -> Typed:
    """`operand` as another type. A failing CAST stops the run as it stops a job; a failing TRY_CAST is NULL."""
    if target not in CAST_TARGETS:
        raise RefusedError(line, f"no type {target} is run here", f"cast to {', '.join(CAST_TARGETS)}")
    to = CAST_TARGETS[target]
    if operand.type is Type.NULL:
        return Typed(f"CAST(NULL AS {DUCKDB_TYPES[to]})", to)
    if operand.type is to:
        return operand
    template = CONVERSIONS.get((operand.type, to))
    if template is None:
        raise RefusedError(line, f"a {operand.type} has no conversion to {to}", "convert something else")
    converted = template.format(operand.sql)
    if attempt:
        return Typed(f"({converted})", to)
    message = f"'CAST AS {to} in line {line} failed for ' || CAST({operand.sql} AS VARCHAR)"
    failed = f"{operand.sql} IS NOT NULL AND ({converted}) IS NULL"
    return Typed(f"(CASE WHEN {failed} THEN error({message}) ELSE {converted} END)", to)


def type_name(operand: Typed) -> Typed:
    """GetType(operand): the name of the value's type, NULL for NULL."""
    if operand.type is Type.UNTYPED:
        return Typed(f"asa_type({operand.sql})", Type.TEXT, fixed=True)
    return Typed(f"(CASE WHEN {operand.sql} IS NOT NULL THEN '{operand.type}' END)", Type.TEXT, fixed=True)
