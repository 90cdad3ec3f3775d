from django.http import HttpResponse
from django.urls import include, re_path
from socketio import sdjango

sdjango.autodiscover()

urlpatterns = [
    re_path(r"^socket\.io", include(sdjango.urls)),
    re_path("^$", lambda request: HttpResponse("a page")),
]
