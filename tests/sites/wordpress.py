"""A WordPress of Debian's packages with its own database, on free ports and in a folder of its own. Nothing of the machine's
configuration is used or changed."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PATIENCE_S = 90
INSTALLED = Path("/usr/share/wordpress")
# What the test does to the site: it may be slow after a post was made, and reach addresses of this machine.
PLUGIN = """<?php
add_filter('http_request_host_is_external', '__return_true');
add_filter('http_allowed_safe_ports', function ($ports) { return range(1, 65535); });
add_filter('wp_is_application_passwords_available', '__return_true');
add_action('rest_after_insert_post', function ($post, $request, $creating) {
    if ($creating && file_exists('%(slow)s')) { sleep(6); }
}, 10, 3);
"""
# As WordPress's own themes have it: a frame that an address became is as wide as it says, and never wider than the page.
THEME = """<meta name="viewport" content="width=device-width"><style>iframe { max-width: 100%; }</style><?php wp_head(); while (have_posts()) { the_post(); the_content(); } wp_footer();"""
CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'wp'); define('DB_PASSWORD', 'wp');
define('DB_HOST', '127.0.0.1:%(database)d'); define('DB_CHARSET', 'utf8mb4');
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('WP_ENVIRONMENT_TYPE', 'local'); define('DISABLE_WP_CRON', true); define('WP_AUTO_UPDATE_CORE', false);
define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '127.0.0.1');
define('WP_HOME', '%(url)s'); define('WP_SITEURL', '%(url)s');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
require_once ABSPATH . 'wp-settings.php';
"""


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class WordPress:
    """Starts and installs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.pages, self.slow = folder / "mariadb", folder / "site", folder / "slow"
        self.database, port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.processes: list[subprocess.Popen] = []
        self.log = (folder / "wordpress.log").open("ab")
        try:
            self.start_database()
            shutil.copytree(INSTALLED, self.pages, ignore=shutil.ignore_patterns("wp-config.php"))
            content = self.pages / "wp-content"
            for name in ("mu-plugins", "themes/plain"):
                (content / name).mkdir(parents=True, exist_ok=True)
            (content / "mu-plugins/test.php").write_text(PLUGIN % {"slow": self.slow})
            (content / "themes/plain/style.css").write_text("/*\nTheme Name: plain\n*/")
            (content / "themes/plain/index.php").write_text(THEME)
            (self.pages / "wp-config.php").write_text(CONFIG % {"database": self.database, "url": self.url})
            self.php(
                "define('WP_INSTALLING', true);",
                "require ABSPATH . 'wp-admin/includes/upgrade.php';"
                "wp_install('Northlight', 'partner', 'partner@northlight.example', true, '', 'a long password');"
                "update_option('template', 'plain'); update_option('stylesheet', 'plain');",
            )
            # Several at once: one of them may be slow.
            environment = os.environ | {"PHP_CLI_SERVER_WORKERS": "4"}
            self.run(["php", "-S", f"127.0.0.1:{port}", "-t", self.pages], env=environment)
            until("WordPress", lambda: answers(self.url))
        except BaseException:
            self.stop()
            raise

    def run(self, command: list, **more) -> None:
        self.processes.append(subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True, **more))

    def start_database(self) -> None:
        as_root = ["--user=root"] if os.getuid() == 0 else []
        own = ["--no-defaults", f"--datadir={self.data}", *as_root]
        subprocess.run(
            ["mariadb-install-db", *own, "--auth-root-authentication-method=normal"],
            check=True, stdout=self.log, stderr=self.log, timeout=PATIENCE_S,
        )
        self.socket = self.folder / "db.sock"
        self.run(["mariadbd", *own, f"--socket={self.socket}", "--bind-address=127.0.0.1", f"--port={self.database}",
                  "--innodb-flush-log-at-trx-commit=0", f"--pid-file={self.folder / 'db.pid'}"])
        until("MariaDB", lambda: self.sql("SELECT 1", "") == "1")
        self.sql("CREATE DATABASE wordpress; CREATE USER wp@'127.0.0.1' IDENTIFIED BY 'wp';"
                 "CREATE USER wp@localhost IDENTIFIED BY 'wp';"
                 "GRANT ALL ON wordpress.* TO wp@'127.0.0.1'; GRANT ALL ON wordpress.* TO wp@localhost", "")

    def sql(self, statement: str, database: str = "wordpress") -> str:
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--skip-column-names", "-e", statement]
        done = subprocess.run([*command, *([database] if database else [])], capture_output=True, text=True, timeout=PATIENCE_S)
        return done.stdout.strip() if done.returncode == 0 else f"error: {done.stderr}"

    def php(self, before: str, then: str) -> str:
        """Runs PHP inside of WordPress."""
        host = urllib.parse.urlsplit(self.url).netloc
        code = (f"define('ABSPATH', '{self.pages}/'); $_SERVER['HTTP_HOST'] = '{host}'; $_SERVER['REQUEST_URI'] = '/';"
                f"$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1'; {before} require ABSPATH . 'wp-load.php'; {then}")
        done = subprocess.run(["php", "-d", "display_errors=stderr", "-r", code], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def password(self) -> str:
        """A new application password."""
        return self.php("", "echo WP_Application_Passwords::create_new_application_password(1, ['name' => 'partnercast ' . uniqid()])[0];")

    def revoke(self) -> None:
        self.php("", "WP_Application_Passwords::delete_all_application_passwords(1);")

    def posts(self) -> list[dict[str, str]]:
        """All posts that we made, whatever their state."""
        rows = self.sql("SELECT ID, post_name, post_status, post_title FROM wp_posts WHERE post_type = 'post' AND post_name LIKE 'pc-%' ORDER BY ID")
        return [dict(zip(("id", "slug", "status", "title"), row.split("\t"))) for row in rows.splitlines()]

    def content(self, post_id: str) -> str:
        return self.sql(f"SELECT post_content FROM wp_posts WHERE ID = {post_id}")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE_S) as reply:
            return reply.read().decode()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=PATIENCE_S)
        self.log.close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/index.php?rest_route=/", timeout=PATIENCE_S) as reply:
            return "wp/v2" in json.load(reply).get("namespaces", [])
    except (urllib.error.URLError, ConnectionError, ValueError):
        return False


def until(what: str, probe, seconds: float = PATIENCE_S) -> None:
    """Waits until `probe` holds."""
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)
