"""What we lean on of jgo: one jar, by its coordinate, into a folder of ours."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import jgo.maven


def test_jgo_fetches_one_jar_by_its_coordinate_into_the_repository_it_is_given(tmp_path: Path) -> None:
    class Maven(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/org/some/thing/1.2/thing-1.2.jar"
            self.send_response(200 if found else 404)
            self.send_header("content-length", "3" if found else "0")
            self.end_headers()
            self.wfile.write(b"jar" if found else b"")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Maven) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        context = jgo.maven.MavenContext(
            repo_cache=tmp_path, remote_repos={"local": f"http://127.0.0.1:{server.server_port}"}
        )
        try:
            path = context.project("org.some", "thing").at_version("1.2").artifact().resolve()
        finally:
            server.shutdown()
            thread.join()
    assert path.read_bytes() == b"jar"
    assert path.is_relative_to(tmp_path)
