<?php

/**
 * One request to a page, from its body's first byte until the page's process has ended. The head
 * leaves with the first byte of the body, or with the end.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The instance's side of one page. */
final class PageRun
{
    /** Bytes of the request's body that the page's socket did not take yet. */
    private string $unfed = '';
    /** The page has the whole body of its request, or wants no more of it. */
    private bool $isFed = false;
    /** @var array{s: int, h: list<string>}|null The newest head that the page told. */
    private ?array $head = null;
    /** @var array{name: string, message: string}|null */
    private ?array $failure = null;
    private bool $hasBegun = false;
    /** The call of another function for which the page waits. */
    private ?OutgoingCall $outgoing = null;
    /** @var array<string, OutgoingCall> Calls whose answers the page takes in parts, by its names. */
    private array $streams = [];
    /** @var ?array{string, string} What the page waits for, S or N, and of which of them. */
    private ?array $awaited = null;
    /** What the page had not yet sent of its body when it told its end. */
    private string $rest = '';
    private bool $isOver = false;
    private bool $hasAnswered = false;
    /** The page's process has closed its end of the control socket: it is about to end. */
    private bool $isDeaf = false;
    /** How the page's process ended, as `waitpid` tells it; null while it lives. */
    private ?int $status = null;

    /** Hands the request to the page's process. */
    public function __construct(
        private readonly Call $call,
        private readonly PageChannel $channel,
        private readonly LogLines $lines,
    ) {
        $channel->say('R', Json::encode([
            'm' => $call->method === 'EVENT' ? 'POST' : $call->method,
            'u' => $call->target,
            'a' => $call->authority,
            'h' => array_map(Text::fromBytes(...), $call->headers),
        ] + $call->facts()));
        stream_set_blocking($channel->body, false);
        $this->feed();
    }

    /** Gives the page what has come of its request's body, as far as it takes it. */
    public function feed(): void
    {
        $body = $this->channel->body;
        while (!$this->isFed && $body !== null && !$this->call->isGone()) {
            $this->unfed = $this->unfed === '' ? $this->call->stream->take() : $this->unfed;
            if ($this->unfed === '') {
                if ($this->call->stream->remoteEnded) {
                    $this->isFed = true;
                    stream_socket_shutdown($body, STREAM_SHUT_WR);
                }
                return;
            }
            $written = @fwrite($body, $this->unfed);
            if ($written === 0) {
                return;
            }
            $this->isFed = $written === false;
            $this->unfed = $written === false ? '' : substr($this->unfed, $written);
        }
        if ($this->isFed) {
            $this->call->stream->discard();
        }
    }

    /** Tells the page how its call of another function came out, once it did. */
    private function passCall(): void
    {
        if ($this->outgoing?->advance() === true) {
            [$head, $body] = $this->outgoing->outcome();
            $this->outgoing = null;
            $text = Json::encode($head);
            $this->channel->say('A', pack('V', strlen($text)) . $text . $body);
        }
    }

    /** Gives the page what it waits for of an answer in parts, once it came. */
    private function passPart(): void
    {
        if ($this->awaited === null) {
            return;
        }
        [$what, $name] = $this->awaited;
        $stream = $this->streams[$name] ?? null;
        if ($what === 'S') {
            if (!$stream->hasHead()) {
                return;
            }
            $this->channel->say('A', Json::encode($stream->head()));
        } elseif (($part = $stream?->takePart()) === '') {
            return;
        } elseif ($part !== null) {
            $this->channel->say('P', $part);
        } else {
            $breakage = $stream?->breakage();
            $this->channel->say('Z', Json::encode($breakage));
            if ($breakage === null) {
                // Asked again, it has ended as well. The payload may not have been taken whole.
                $stream?->giveUp();
                unset($this->streams[$name]);
            }
        }
        $this->awaited = null;
    }

    /** @return resource|null The socket that has to take more of the request's body. */
    public function hungrySocket()
    {
        return $this->unfed === '' ? null : $this->channel->body;
    }

    /**
     * What to wait for now: nothing of a body for which there is no credit.
     *
     * @return array<string, resource>
     */
    public function sockets(string $name): array
    {
        $channel = $this->channel;
        // What children of the page print after its end is nobody's.
        if ($this->hasAnswered || $this->call->isGone()) {
            $channel->closeBody();
        }
        $sockets = $this->isDeaf ? [] : ["{$name}:control" => $channel->control];
        if ($channel->body !== null && $this->call->stream->sendCredit > 0) {
            $sockets["{$name}:body"] = $channel->body;
        }
        return $sockets;
    }

    /** True once the page's process is about to end. */
    public function isEnding(): bool
    {
        return $this->isDeaf && $this->status === null;
    }

    /** Passes on what can be read. */
    public function relay(bool $hasBody, bool $hasControl): void
    {
        // Messages first: the head that belongs to the body's first byte was told before it.
        if ($hasControl || $hasBody) {
            $this->hear();
        }
        if ($hasBody) {
            $this->passBody();
        }
        $this->passCall();
        $this->passPart();
        $this->finishIfOver();
    }

    /**
     * True once nothing is left to do: the page's process has ended, and what it left in its socket
     * went to the client as fast as it was taken.
     */
    public function isDone(): bool
    {
        $this->lookForEnd();
        if ($this->status === null || !$this->isDrained()) {
            return false;
        }
        $this->hear();
        if (!$this->isOver && $this->failure === null && !self::endedWell($this->status)) {
            $how = pcntl_wifsignaled($this->status)
                ? 'signal ' . pcntl_wtermsig($this->status)
                : 'code ' . pcntl_wexitstatus($this->status);
            $this->failure = ['name' => 'PageCrashed', 'message' => "the page ended ({$how})"];
        }
        $this->finish();
        if (!$this->hasAnswered && !$this->call->isGone()) {
            return false;
        }
        foreach ([$this->outgoing, ...array_values($this->streams)] as $call) {
            $call?->giveUp();
        }
        $this->channel->close();
        return true;
    }

    private function lookForEnd(): void
    {
        $pid = $this->channel->pid;
        // An ended process's number may be another page's by now.
        if ($this->status === null && pcntl_waitpid($pid, $status, WNOHANG) === $pid) {
            $this->status = $status;
        }
    }

    /** Passes on what an ended process left of its body; false while the client takes no more. */
    private function isDrained(): bool
    {
        while ($this->channel->body !== null && !$this->call->isGone()
            && PageChannel::isReadable($this->channel->body)) {
            if ($this->call->stream->sendCredit <= 0) {
                return false;
            }
            $this->hear();
            $this->passBody();
        }
        return true;
    }

    /** Closes this process's copies, in a process of another page. */
    public function forget(): void
    {
        $this->channel->close();
    }

    private static function endedWell(int $status): bool
    {
        return pcntl_wifexited($status) && pcntl_wexitstatus($status) !== 255;
    }

    private function hear(): void
    {
        while (!$this->isDeaf && PageChannel::isReadable($this->channel->control)) {
            $messages = $this->channel->hear();
            $this->isDeaf = $messages === null;
            foreach ($messages ?? [] as [$letter, $payload]) {
                $this->onMessage($letter, $payload);
            }
        }
    }

    private function onMessage(string $letter, string $payload): void
    {
        if ($letter === 'C') {
            $this->outgoing = $this->callOut(json_decode($payload, true));
        } elseif (in_array($letter, ['S', 'N', 'X'], true)) {
            $this->onStream($letter, substr($payload, 0, 4), substr($payload, 4));
        } elseif ($letter === 'F') {
            $this->failure = json_decode($payload, true);
        } elseif ($letter === 'H') {
            $this->head = json_decode($payload, true);
        } elseif ($letter === 'E') {
            $headBytes = unpack('V', $payload)[1];
            $this->head = json_decode(substr($payload, 4, $headBytes), true);
            $this->isOver = true;
            $this->rest = substr($payload, 4 + $headBytes);
        }
    }

    /** The page asks for an answer in parts, for its next part, or for no more of it. */
    private function onStream(string $letter, string $name, string $asked): void
    {
        if ($letter === 'X') {
            ($this->streams[$name] ?? null)?->giveUp();
            unset($this->streams[$name]);
            return;
        }
        if ($letter === 'S') {
            $this->streams[$name] = $this->callOut(json_decode($asked, true) + ['m' => PHP_INT_MAX]);
        }
        $this->awaited = [$letter, $name];
    }

    /** @param array{h: array<string, string>, b: string, w: int, m: int} $asked */
    private function callOut(array $asked): OutgoingCall
    {
        return new OutgoingCall(
            $this->call->link,
            $this->call->id,
            $asked['h'],
            base64_decode($asked['b']),
            $asked['w'],
            $asked['m'],
        );
    }

    /** Passes on what there is of the body; there must be credit for it. */
    private function passBody(): void
    {
        $room = min(Frame::CHUNK_BYTES, $this->call->stream->sendCredit);
        $bytes = $this->channel->body === null ? '' : @fread($this->channel->body, $room);
        if ($bytes === false || $bytes === '') {
            $this->channel->closeBody();
            return;
        }
        if ($this->call->method === 'HEAD') {
            return;
        }
        if (!$this->hasBegun) {
            $this->hasBegun = true;
            $this->call->begin($this->answerWith($bytes));
        } else {
            $this->call->stream->push($bytes);
        }
    }

    private function finishIfOver(): void
    {
        if (!$this->isOver || $this->hasAnswered) {
            return;
        }
        $body = $this->channel->body;
        if ($body === null || !PageChannel::isReadable($body)) {
            $this->finish();
        }
    }

    private function finish(): void
    {
        if ($this->hasAnswered || $this->call->isGone()) {
            return;
        }
        if ($this->failure === null && $this->hasBegun) {
            $this->finishBody();
            return;
        }
        $this->hasAnswered = true;
        if ($this->failure === null) {
            $rest = $this->call->method === 'HEAD' ? '' : $this->rest;
            $this->call->answer($this->answerWith($rest));
            return;
        }
        ['name' => $name, 'message' => $message] = $this->failure;
        if (!$this->hasBegun) {
            $this->call->failed('failed', $name, $message);
            return;
        }
        $this->lines->own($this->call->id);
        $text = "The answer broke off in the middle of its body: {$message}";
        $this->lines->line('error', $text);
        $this->lines->own(null);
        $this->call->abandon($message);
    }

    /** Sends what the client takes of the body's rest, and the end behind it; or goes on later. */
    private function finishBody(): void
    {
        $this->channel->closeBody();
        $this->call->stream->discard();
        $this->rest = $this->call->stream->push($this->rest);
        if ($this->rest === '') {
            $this->hasAnswered = true;
            $this->call->end();
        }
    }

    private function answerWith(string $body): Answer
    {
        $head = $this->head ?? ['s' => 200, 'h' => ['content-type', 'text/html; charset=UTF-8']];
        return new Answer($head['s'], array_map(Text::toBytes(...), $head['h']), $body);
    }
}
