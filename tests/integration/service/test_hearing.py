"""Subscriptions that the broker forgot, on a connection that is fine otherwise (L12): what should come by itself is found
by looking, so nothing is lost, only late; then the connection is made anew, and all comes by itself again."""
import re

from stead_world import event_of, main, wait_for
from stead_world.calls import answer_of
from stead_world.change import ChangeCase
from stead_world.deaf import Deaf

RENEWALS = re.compile(r'^stead_nats_renewals_total\{cause="(\w+)"\} (\d+)$', re.M)
MISSES = 4  # after which core/hearing.c renews if 5 s were silent; twice as many the next time
ROUNDS_MAX = 20


class Hearing(ChangeCase):
    """`two` runs a function of Python; `one` does not and is the only one that is asked, through the proxy."""

    def setUp(self):
        self.world = self.new_world()
        self.world.start_broker()
        self.two = self.world.serve("two")
        self.deploy("work", 1, self.two)
        self.versions = 1
        self.proxy = Deaf(self.world.nats_port)
        self.addCleanup(self.proxy.close)

    def begin(self, subjects):
        """The first connection of `one` is deaf to them, later ones are not."""
        direct = self.world.nats_url
        self.world.nats_url, self.proxy.subjects = self.proxy.url, subjects
        self.one = self.world.serve("one", service_languages="[c]")
        self.world.nats_url, self.proxy.subjects = direct, b""
        self.assertEqual(self.proxy.deafened, 1)

    def renewals(self):
        """Of the connection of `one`, by cause."""
        return {cause: int(count) for cause, count in RENEWALS.findall(self.one.http("/metrics")[1]) if count != "0"}

    def call_several(self):
        for call in [self.one.client.start("work", event_of({})) for _ in range(2 * MISSES)]:
            self.assert_ok(answer_of(call))

    def call_one(self):
        """Refused, at most, for as long as the new connection takes."""
        wait_for(lambda: self.one.client.execute("work", event_of({})).ok, "an answer", 20)

    def deploy_and_see(self):
        """Another version, and that `one` knows of it."""
        self.versions += 1
        version = self.deploy("work", self.versions, self.two).version
        wait_for(lambda: self.get("work").version == version, "the version to be seen", 20)

    def renewed_once(self, cause, before, after):
        """By what is done before; what is done after would do it again if it had to be looked for as well: one by one
        that takes longer than any silence may last."""
        for _ in range(ROUNDS_MAX):
            before()
            if self.renewals():
                break
        self.assertEqual(self.renewals(), {cause: 1})
        for _ in range(4 * MISSES):
            after()
        self.assertEqual(self.renewals(), {cause: 1})

    def test_answers(self):
        self.begin(rb"_INBOX\.stead\.\S+\.answer")
        self.renewed_once("unanswered", self.call_several, self.call_one)

    def test_word_of_records(self):
        self.begin(rb"\$KV\.function-config")
        self.renewed_once("untold", self.deploy_and_see, self.deploy_and_see)


if __name__ == "__main__":
    main()
