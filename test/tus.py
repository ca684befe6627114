"""A client of uploads in parts, request by request."""

import base64

from har_ros.service.incoming.tus import PART

TUS = {"Tus-Resumable": "1.0.0"}


def text(value):
    return base64.b64encode(value.encode()).decode()


def create(client, length, name="a.mp4", status=201):
    headers = {"Upload-Length": str(length), "Upload-Metadata": f"filename {text(name)},filetype {text('video/mp4')}"}
    answer = client.post("/v1/uploads", headers=headers)
    assert answer.status_code == status, answer.text
    return answer.headers["location"] if status == 201 else answer.json()["detail"]


def patch(client, place, offset, content, status=204, **more):
    headers = {"Upload-Offset": str(offset), "Content-Type": PART, **more}
    answer = client.patch(place, headers=headers, content=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer


def offset(client, place):
    answer = client.head(place)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])
