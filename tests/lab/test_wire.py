"""What comes over the wire: floods of forged heartbeats, bad weather, a stranger with our address,
many addresses at once, an address that somebody deletes, clients that wait for an answer."""

import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing

import rig
from lab import agents, namespaces, network, places, processes, stage, weather
from lab.measure import Observer, Tool, stopped_at_end
from watched import BOUND_S, AddressCase

VOTERS = ("db1", "db2", "wit")
FLOOD_RATE = 50_000
FLOOD_S = 5
WEATHER_S = float(os.environ.get("TASUKI_WEATHER_S", 10))
MANY = 256
PORT = 9000
AT_ONCE_MS = 50


class WireTest(AddressCase):
    name = "t-wire"

    def state(self):
        """Holder and epoch, and the longest stall of the holder's lease thread."""
        told = agents.status(self.lab, "db1")
        group = told["groups"][0]
        return group["active"], group["epoch"], told["counters"]["longest_stall_ms"]

    def assert_undisturbed(self, before, observer):
        active, epoch, stall = self.state()
        print(f"longest gap {observer.summary['longest_gap_ms']:.1f} ms, longest stall of the lease "
              f"thread {stall} ms ... ", end="", flush=True)
        self.assertEqual((active, epoch), before[:2])
        self.assert_one_at_a_time(observer)

    def flood(self, *words):
        return Tool(self.lab, "tasuki_flood", "--seconds", str(FLOOD_S), *words)

    def judge_flood(self, floods, reason):
        before = self.state()
        with stopped_at_end(Observer(self.lab)) as observer:
            tools = [self.flood(*words) for words in floods]
            sent = sum(tool.finish()["sent"] for tool in tools)
        print(f"{sent / FLOOD_S:.0f} a second ... ", end="", flush=True)
        self.assertGreater(sent, FLOOD_RATE * FLOOD_S / 4)  # else nothing was tried
        self.assert_undisturbed(before, observer)
        refused = agents.status(self.lab, "db1")["counters"]["heartbeats_rejected"]
        self.assertGreater(refused.get(reason, 0), 1000)
        log = self.lab.log("db1", "agent").read_text()
        self.assertIn(f"refused: {reason}", log)
        self.assertLess(log.count("refused:"), 40)

    def test_a_flood_of_forged_heartbeats_changes_nothing(self):
        self.judge_flood([("--rate", str(FLOOD_RATE))], "too_many")

    def test_a_flood_under_the_peers_addresses_changes_nothing(self):
        """On both paths of both other voters, as anybody on the same wires can send it."""
        self.judge_flood([("--rate", str(FLOOD_RATE // 4), "--from", node, "--target",
                           f"{places.address('db1', path)}:7800", "--source",
                           f"{places.address(node, path)}:7800")
                          for node in ("db2", "wit") for path in network.PATHS], "bad_mac")

    def test_loss_and_jitter_change_nothing(self):
        """Five of a hundred frames lost each way, on both paths of all voters."""
        with weather.bad(self.lab, VOTERS, loss=5, delay_ms=5, jitter_ms=5) as wire:
            before = self.state()
            with stopped_at_end(Observer(self.lab)) as observer:
                time.sleep(WEATHER_S)
            lost = wire.stop()
        self.assertGreater(lost["lost"], lost["passed"] / 40)
        print(f"{lost['lost']} of {lost['lost'] + lost['passed']} frames lost ... ", end="")
        self.assert_undisturbed(before, observer)

    def test_a_stranger_with_our_address_is_seen_within_two_seconds(self):
        time.sleep(2)  # announcements of the beginning are over
        began = time.monotonic()
        network.run("ip", "-n", self.lab.namespace("client"), "addr", "add",
                    f"{places.VIP}/32", "dev", "eth0")  # and says nothing by itself
        found = processes.wait_until(self.conflict, BOUND_S, "the stranger is reported", 0.05)
        print(f"after {time.monotonic() - began:.2f} s ... ", end="", flush=True)
        self.assertLess(time.monotonic() - began, 2.5)
        self.assertIn(places.mac("client"), str(found))
        self.assertRegex(self.lab.log("db1", "agent").read_text(),
                         rf"10\.77\.0\.50.*{places.mac('client')}")
        network.take_address(self.lab, "client")
        processes.wait_until(lambda: not self.conflict(), BOUND_S, "it is told to be gone")

    def conflict(self):
        return agents.group(self.lab, "db1")["vips"][0]["conflict"]

    def test_an_address_that_somebody_deletes_is_put_back(self):
        began = time.monotonic()
        network.take_address(self.lab, "db1")
        processes.wait_until(lambda: network.holders(self.lab) == ["db1"], BOUND_S, "put back", 0.02)
        self.assertLess(time.monotonic() - began, 1)


class WaitingClient:
    """Connected to the virtual address, it has nothing to send: it waits for an answer."""

    def __init__(self, lab, server):
        with namespaces.inside(lab.namespace(server)):
            self.listener = socket.create_server(("", PORT))
        with namespaces.inside(lab.namespace("client")):
            self.socket = socket.create_connection((places.VIP, PORT), timeout=BOUND_S)
        self.served = self.listener.accept()[0]
        self.told_at = None  # milliseconds of the monotonic clock
        self.thread = threading.Thread(target=self.wait)
        self.thread.start()

    def wait(self):
        try:
            self.socket.recv(1)
        except ConnectionResetError:
            self.told_at = time.monotonic() * 1000
        except OSError:
            pass

    def close(self):
        if self.thread.is_alive():
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for each in (self.socket, self.served, self.listener):
            each.close()


class WaitingClientTest(AddressCase):
    name = "t-waiting"

    def judge(self, what, holder, fault):
        with closing(WaitingClient(self.lab, holder)) as client:
            observer = self.watch(fault, holder)
        self.assert_one_at_a_time(observer)
        silent = max(span[1] for source in observer.summary["sources"]
                     if source["source"] == places.mac(holder) for span in source["spans"])
        self.assertIsNotNone(client.told_at, f"{what}: the client still waits")
        after = client.told_at - silent
        print(f"{what}: told {after:+.1f} ms from the last answer of {holder}, the gap being "
              f"{observer.summary['longest_gap_ms']:.1f} ms ... ", end="", flush=True)
        self.assertLess(after, AT_ONCE_MS)

    def test_a_client_that_waits_is_reset_when_the_address_moves(self):
        """It would never learn by itself that whom it waits for is somewhere else now."""
        self.judge("switchover", "db1", lambda: agents.switchover(self.lab, "db1", "db3"))
        self.judge("agent killed", "db3", lambda: stage.kill_process(self.lab, "db3", "agent"))
        holder, = network.holders(self.lab)
        self.judge("agent stopped", holder, lambda: stage.kill_process(
            self.lab, holder, "agent", signal.SIGSTOP))


class ManyAddressesTest(AddressCase):
    name = "t-many"
    options = ("--no-mysql", "--addresses", str(MANY))

    def held_by(self, node):
        shown = subprocess.run(["ip", "-n", self.lab.namespace(node), "-o", "addr"], text=True,
                               capture_output=True, check=True).stdout
        return sum(f" {address}/" in shown for address in places.vips(MANY))

    def test_many_addresses_move_together(self):
        self.assertEqual(self.held_by("db1"), MANY)
        last = Observer(self.lab, "--address", places.vips(MANY)[-1])
        with stopped_at_end(last), stopped_at_end(Observer(self.lab)) as first:
            agents.switchover(self.lab, "db1", "db2")
            processes.wait_until(lambda: self.held_by("db2") == MANY, BOUND_S, "all are moved")
            time.sleep(0.5)
        self.assertEqual(self.held_by("db1"), 0)
        for observer in (first, last):
            self.assert_one_at_a_time(observer)
            print(f"gap {observer.summary['longest_gap_ms']:.1f} ms ... ", end="", flush=True)


if __name__ == "__main__":
    rig.main()
