# Python 2: the suite's command `wstest`, started so that it runs on PyPy without compiled TLS
# packages; with `--cases`, it prints the ids of all cases instead.
import gc
import os
import site
import sys
import types
import unittest

# Twisted's and zope's namespace packages are declared in .pth files.
site.addsitedir(os.environ["PYTHONPATH"])

# Imported by a test helper of WAMP that is never called.
sys.modules["unittest2"] = unittest

# Only wss:// would use it, and it wants pyOpenSSL.
import twisted.internet  # noqa: E402

tls = types.ModuleType("twisted.internet.ssl")
tls.supported = False
tls.ClientContextFactory = tls.optionsForClientTLS = lambda *args, **kwargs: None
twisted.internet.ssl = sys.modules["twisted.internet.ssl"] = tls

if sys.argv[1:] == ["--cases"]:
    from autobahntestsuite.case import CaseBasename, Cases

    for case in Cases:
        print(case.__name__[len(CaseBasename):].replace("_", "."))
    sys.exit()

from autobahntestsuite.wstest import run  # noqa: E402
from twisted.internet import reactor, task  # noqa: E402

COLLECT_EVERY = 300 << 20
collected_at = [0]


listen_everywhere = reactor.listenTCP


def listen(port, factory, backlog=50, interface=""):
    return listen_everywhere(port, factory, backlog, "127.0.0.1")


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def collect():
    # PyPy does not see what zlib's streams hold; left to itself it grows past 20 GB in 12 and 13.
    if resident() > collected_at[0] + COLLECT_EVERY:
        gc.collect()
        collected_at[0] = resident()


reactor.listenTCP = listen
reactor.callWhenRunning(task.LoopingCall(collect).start, 0.2)
run()
