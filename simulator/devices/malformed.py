"""Bodies that are no readings: one of each kind that the contract rules out, and bodies that are no JSON objects.

The templates are filled with the JSON texts of a true reading, so that one field is wrong and the others are right.
"""

from stream_queries.schema import NAME_MAX_LENGTH

MALFORMED: dict[str, str] = {
    # names
    "device missing": '{{"sensor":{sensor},"ts":{ts},"value":{value}}}',
    "device null": '{{"device":null,"sensor":{sensor},"ts":{ts},"value":{value}}}',
    "device a number": '{{"device":17,"sensor":{sensor},"ts":{ts},"value":{value}}}',
    "device empty": '{{"device":"","sensor":{sensor},"ts":{ts},"value":{value}}}',
    "device with a space": '{{"device":"oven 7","sensor":{sensor},"ts":{ts},"value":{value}}}',
    "device not ASCII": '{{"device":"Öfen","sensor":{sensor},"ts":{ts},"value":{value}}}',
    "sensor missing": '{{"device":{device},"ts":{ts},"value":{value}}}',
    "sensor a Boolean": '{{"device":{device},"sensor":true,"ts":{ts},"value":{value}}}',
    "sensor an array": '{{"device":{device},"sensor":["sensor-1"],"ts":{ts},"value":{value}}}',
    "sensor an object": '{{"device":{device},"sensor":{{"id":1}},"ts":{ts},"value":{value}}}',
    "sensor with a line break": '{{"device":{device},"sensor":"sensor-1\\n","ts":{ts},"value":{value}}}',
    "sensor too long": '{{"device":{device},"sensor":"' + "s" * (NAME_MAX_LENGTH + 1) + '","ts":{ts},"value":{value}}}',
    # values
    "value missing": '{{"device":{device},"sensor":{sensor},"ts":{ts}}}',
    "value null": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":null}}',
    "value a word": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":"warm"}}',
    "value in quotes": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":"{value}"}}',
    "value a Boolean": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":true}}',
    "value an array": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":[{value}]}}',
    "value not a number": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":NaN}}',
    "value too large": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":1e101}}',
    "value too small": '{{"device":{device},"sensor":{sensor},"ts":{ts},"value":-1e101}}',
    # times
    "ts missing": '{{"device":{device},"sensor":{sensor},"value":{value}}}',
    "ts null": '{{"device":{device},"sensor":{sensor},"ts":null,"value":{value}}}',
    "ts a word": '{{"device":{device},"sensor":{sensor},"ts":"yesterday","value":{value}}}',
    "ts an object": '{{"device":{device},"sensor":{sensor},"ts":{{"at":{ts}}},"value":{value}}}',
    "ts on 30 February": '{{"device":{device},"sensor":{sensor},"ts":"2026-02-30T00:00:00.000Z","value":{value}}}',
    "ts all zeros": '{{"device":{device},"sensor":{sensor},"ts":"0000-00-00T00:00:00.000Z","value":{value}}}',
    "ts in the year 1": '{{"device":{device},"sensor":{sensor},"ts":"0001-01-01T00:00:00.000Z","value":{value}}}',
    "ts in the year 9999": '{{"device":{device},"sensor":{sensor},"ts":"9999-12-31T23:59:59.999Z","value":{value}}}',
    "ts too early": '{{"device":{device},"sensor":{sensor},"ts":{early_ts},"value":{value}}}',
    # everything
    "empty object": "{{}}",
}
"""Name → template of a JSON object that is no reading; `early_ts` is a time further ahead than any job accepts."""

UNDECODABLE: dict[str, bytes] = {
    "not JSON": b"temperature=21.5",
    "cut off": b'{"device":"device-0001","sensor":"sens',
    "an array": b'[{"device":"device-0001"}]',
    "a string": b'"device-0001"',
    "a number": b"21.5",
    "null": b"null",
    "not UTF-8": b'{"device":"\xff\xfe","sensor":"sensor-1"}',
}
"""Name → a body that no query ever sees."""
