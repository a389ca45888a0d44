"""What an answer of the chat has to look like."""


def label_format(property_schema: dict) -> dict:
    """A `response_format` whose one property is the label."""
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"label": property_schema},
                "required": ["label"],
                "additionalProperties": False,
            },
        },
    }
