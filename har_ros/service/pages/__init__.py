"""The service's pages: rendered here, brought to life by small scripts, and without anything from elsewhere."""

from fastapi import APIRouter

from har_ros.service.pages import compare, home, job, live, login, models, reference, teach, webcam

routes = APIRouter(include_in_schema=False)
for part in (home, job, compare, webcam, live, teach, models, login, reference):
    routes.include_router(part.routes)
