"""moto's server on LocalStack's port, with LocalStack's word once it listens. A stand-in for tests of the starter."""

import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("0.0.0.0", 4566, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("This is moto, standing in for LocalStack.", flush=True)
print("Ready.", flush=True)
threading.Event().wait()
