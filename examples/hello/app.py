"""Greets by name."""


def handler(event, context):
    name = event.get("name", "world")
    print(f"greeting {name}")
    return {
        "message": f"Hello, {name}!",
        "request_id": context.aws_request_id,
        "seconds_left": round(context.get_remaining_time_in_millis() / 1000, 1),
    }
