<?php

/**
 * What code reaches the network by: a loopback port for each target of `connect`, and one with a
 * proxy for the web, in HTTP_PROXY and HTTPS_PROXY. PHP runs one thing at a time, and code blocks
 * while it waits for what it connected to, so a second process serves connections. It is forked
 * before the code is loaded, sleeps until the first connection, and only then takes the link over:
 * from there on it passes on what is the instance's own.
 *
 * Who may touch the link until then is settled by a lock: the instance holds it, except while code
 * runs. A lock that is not free again means that the other process has the link, for good.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The instance's side. */
final class Reach
{
    public const LOOPBACK = '127.0.0.1';
    private const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];
    private const DIRECT_NAMES = ['NO_PROXY', 'no_proxy'];
    private const DIRECT = 'localhost,127.0.0.1,::1';

    /**
     * @param resource $lock
     * @param resource $pair
     */
    private function __construct(private $lock, private $pair)
    {
        flock($lock, LOCK_EX);
    }

    /**
     * Listens for what a specialise lets the code reach, tells where in the environment, and forks
     * the process that serves it. Null when nothing may be reached.
     *
     * @param array<string, mixed> $head A SpecialiseHead.
     * @param resource $link
     * @throws BadResponse When `connect` cannot be had.
     */
    public static function open(array $head, $link): ?self
    {
        $names = $head['connect'] ?? [];
        $isWeb = ($head['noWeb'] ?? false) !== true;
        if (!function_exists('pcntl_fork')) {
            if ($names !== []) {
                throw new BadResponse('`connect` needs the extension pcntl');
            }
            return null;
        }
        if ($names === [] && !$isWeb) {
            return null;
        }
        $listeners = [];
        if ($isWeb) {
            $listeners[''] = self::listen();
            self::tellProxy(self::portOf($listeners['']));
        }
        foreach ($names as $name) {
            $listeners[$name] = self::listen();
            $prefix = strtoupper($name);
            Environment::fill([
                "{$prefix}_HOST" => self::LOOPBACK,
                "{$prefix}_PORT" => (string) self::portOf($listeners[$name]),
            ]);
        }
        return self::fork($listeners, $link);
    }

    /** Lets the other process have the link. */
    public function unlock(): void
    {
        flock($this->lock, LOCK_UN);
    }

    /** False when the other process has the link. */
    public function tryLock(): bool
    {
        return flock($this->lock, LOCK_EX | LOCK_NB);
    }

    /** Tells the other process what it has to know when it takes the link over. */
    public function publish(int $nextId, bool $isGateway): void
    {
        fseek($this->lock, 0);
        fwrite($this->lock, pack('VC', $nextId, $isGateway ? 1 : 0));
        fflush($this->lock);
    }

    /** @return resource Where the other process asks for the link, and later passes it on. */
    public function pair()
    {
        return $this->pair;
    }

    /** @return resource The instance's link from now on: the other process has the real one. */
    public function takenOver()
    {
        // The byte by which it asked.
        fread($this->pair, 1);
        fclose($this->lock);
        return $this->pair;
    }

    /** @param array<array-key, resource> $listeners */
    private static function fork(array $listeners, $link): self
    {
        $path = (string) tempnam(sys_get_temp_dir(), 'skerry');
        $locks = [fopen($path, 'r+'), fopen($path, 'r+')];
        unlink($path);
        $pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        foreach ($pair as $end) {
            stream_set_read_buffer($end, 0);
            stream_set_write_buffer($end, 0);
        }
        $reach = new self($locks[0], $pair[0]);
        $pid = pcntl_fork();
        if ($pid === -1) {
            throw new BadResponse('there is no process for connections');
        }
        if ($pid === 0) {
            unset($reach);
            fclose($locks[0]);
            fclose($pair[0]);
            self::await($listeners, $pair[1]);
            require_once __DIR__ . '/reach-relay.php';
            (new ReachRelay($link, $pair[1], $listeners, $locks[1]))->run();
        }
        fclose($locks[1]);
        fclose($pair[1]);
        array_map(fclose(...), $listeners);
        return $reach;
    }

    /**
     * In the forked process: returns at the first connection, ends with the instance.
     *
     * @param array<array-key, resource> $listeners
     * @param resource $pair
     */
    private static function await(array $listeners, $pair): void
    {
        do {
            $readable = ['instance' => $pair] + $listeners;
            $none = null;
            $found = @stream_select($readable, $none, $none, null);
            if ($found && isset($readable['instance'])) {
                Instance::current()->leave();
            }
        } while (!$found);
    }

    /** @return resource */
    private static function listen()
    {
        $where = 'tcp://' . self::LOOPBACK . ':0';
        $context = stream_context_create(['socket' => ['backlog' => 511, 'tcp_nodelay' => true]]);
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $listener = stream_socket_server($where, $code, $message, $flags, $context);
        return $listener !== false ? $listener : throw new BadResponse("no port: {$message}");
    }

    /** @param resource $listener */
    private static function portOf($listener): int
    {
        $name = (string) stream_socket_get_name($listener, false);
        return (int) substr($name, strrpos($name, ':') + 1);
    }

    /** Curl and what is built on it read the environment, PHP's own streams a context. */
    private static function tellProxy(int $port): void
    {
        $where = self::LOOPBACK . ":{$port}";
        Environment::fill(array_fill_keys(self::PROXY_NAMES, "http://{$where}"));
        Environment::fill(array_fill_keys(self::DIRECT_NAMES, self::DIRECT));
        $http = ['proxy' => "tcp://{$where}", 'request_fulluri' => true];
        stream_context_set_default(['http' => $http]);
    }
}
