"""What Pulumi's own language host for Python does, for a CLI that came without it: it runs the program of a project.

Started as `python language_host.py PROGRAM`, with the environment of the CLI; prints its port and serves until it is
ended. `pulumi up --client=127.0.0.1:PORT` asks here for the program, as the Automation API lets it do.
"""

import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime import _callbacks
from pulumi.runtime.proto import language_pb2_grpc


def main() -> None:
    """Serve the program in the folder or file that the first argument names."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(run_program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    os.dup2(2, 1)  # nobody reads on
    server.wait_for_termination()


def run_program() -> None:
    """Run it once more; what an earlier run imported is imported again, as in a process of its own."""
    _callbacks._CallbackServicer._servicers.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("infra", "scoring", "stream_queries")]:
        del sys.modules[name]
    runpy.run_path(sys.argv[1], run_name="__main__")


if __name__ == "__main__":
    main()
