<?php

/**
 * What lies between this process and one page's: a control socket with messages, and a socket that
 * is the page's stdout and carries its body when it does not fit into one message.
 *
 * A message is a letter, a u32 and that many bytes. To the page: R (head as JSON); the request's
 * body comes on the other socket; A (u32 bytes of head, head, body) answers a C, A (head as JSON) an
 * S, P (the next part) or Z (null, or what broke it off, as JSON) an N. From the page: H (head as
 * JSON, as often as it changes once output may leave), C (a call of another function, as JSON), S
 * (u32 name and the same, for an answer in parts), N (u32: its next part), X (u32: no more of it), F
 * (why it failed, as JSON), E (u32 bytes of head, head, and what is left of the body): it is over.
 * One C, S or N waits for its answer at a time.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** One end of it. */
final class PageChannel
{
    private const READ_BYTES = 1 << 18;
    private const YEAR_SECONDS = 31_536_000;

    /** The page's process, on the side of the instance. */
    public int $pid = 0;
    private string $in = '';

    /**
     * @param resource $control
     * @param resource|null $body
     */
    private function __construct(public readonly mixed $control, public mixed $body)
    {
        foreach ([$control, $body] as $socket) {
            stream_set_read_buffer($socket, 0);
            stream_set_write_buffer($socket, 0);
            // The other side takes its time, and what is cut off would be half a message.
            stream_set_timeout($socket, self::YEAR_SECONDS);
        }
    }

    /** @return array{self, self} The instance's end and the page's. */
    public static function pairs(): array
    {
        $control = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $body = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        return [new self($control[0], $body[0]), new self($control[1], $body[1])];
    }

    /** Sends one message. False when nobody reads it. */
    public function say(string $letter, string $payload): bool
    {
        $message = $letter . pack('V', strlen($payload)) . $payload;
        for ($at = 0; $at < strlen($message); $at += $written) {
            $written = @fwrite($this->control, $at === 0 ? $message : substr($message, $at));
            if ($written === false || $written === 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads what is there and returns the whole messages in it; null at the end of the socket.
     *
     * @return ?list<array{string, string}>
     */
    public function hear(): ?array
    {
        $bytes = @fread($this->control, self::READ_BYTES);
        if ($bytes === false || $bytes === '') {
            return feof($this->control) ? null : [];
        }
        $this->in .= $bytes;
        $messages = [];
        while (strlen($this->in) >= 5) {
            $length = unpack('V', $this->in, 1)[1];
            if (strlen($this->in) < 5 + $length) {
                break;
            }
            $messages[] = [$this->in[0], substr($this->in, 5, $length)];
            $this->in = substr($this->in, 5 + $length);
        }
        return $messages;
    }

    /** True when something waits to be read on a socket. */
    public static function isReadable(mixed $socket): bool
    {
        $read = [$socket];
        $none = null;
        return @stream_select($read, $none, $none, 0) === 1;
    }

    /** Takes no more of the body: the page learns it as a client that left. */
    public function closeBody(): void
    {
        if ($this->body !== null) {
            fclose($this->body);
            $this->body = null;
        }
    }

    public function close(): void
    {
        fclose($this->control);
        $this->closeBody();
    }
}
