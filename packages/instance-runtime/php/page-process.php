<?php

/**
 * The process of one page. Its stdout is the way to the client, so that what the page's own child
 * processes print reaches the client as well; the log goes on where the instance's goes. Output is
 * gathered up to a bound and leaves with the head in one message when the page ends before it is
 * full.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

use Skerry\Context;

/** The page's side of a channel. */
final class PageProcess
{
    /** Bytes of a body that are gathered before the head leaves. */
    private const GATHER_BYTES_MAX = 64 << 10;
    private const DESCRIPTORS_MAX = 1024;
    private const YEAR_SECONDS = 31_536_000;

    private bool $isShutDown = false;
    private bool $hasSentHead = false;
    /** Answers that were asked for in parts. */
    private int $streams = 0;
    private PageHeaders $headers;

    /** @param resource $output Descriptor 1, open for the life of the process. */
    private function __construct(
        private readonly PageChannel $channel,
        private $output,
        private readonly LogLines $lines,
        private readonly Thrown $thrown,
    ) {
        $this->headers = new PageHeaders($this->headChanged(...));
    }

    /** Waits for the request and makes it this process's; ends the process when none comes. */
    public static function become(PageChannel $channel, Link $link, Code $code): void
    {
        $link->abandon();
        while (($messages = $channel->hear()) === []) {
        }
        if ($messages === null) {
            Instance::current()->leave();
        }
        $head = json_decode($messages[0][1], true);
        $head['h'] = array_map(Text::toBytes(...), $head['h']);
        $lines = new LogLines(fopen('php://fd/1', 'w'));
        [$input, $output] = self::moveStdout($channel);
        $lines->own($head['id']);
        ErrorLog::watch($lines, $code->thrown);
        $page = new self($channel, $output, $lines, $code->thrown);
        Instance::current()->becomePage($lines, $page->onShutdown(...));
        $bytesMax = $code->facts->payloadBytesMax;
        $callOut = static fn (array $head, string $payload, int $waitMs): array
            => $page->callOut(['h' => $head, 'w' => $waitMs, 'm' => $bytesMax], $payload);
        $asks = [$callOut, $page->streamOut(...)];
        Context::enter($code->facts->contextOfPage($head, $lines, $asks));
        set_exception_handler($page->threw(...));
        $request = new PageRequest($head, Instance::current()->entry(), $code->directory);
        PageInput::install($input);
        if (!$request->enter(EventCall::EVENT_BYTES_MAX)) {
            $page->refuse();
        }
        $page->headers->enter();
        ob_start($page->take(...), self::GATHER_BYTES_MAX);
    }

    /**
     * Makes the body's socket descriptor 1; returns it to read from and to write to. PHP has no
     * call for it, but a descriptor that is opened takes the lowest free number.
     *
     * @return array{resource, resource}
     */
    private static function moveStdout(PageChannel $channel): array
    {
        $number = self::descriptorOf($channel->body);
        fclose(STDOUT);
        $output = fopen("php://fd/{$number}", 'w');
        $input = fopen("php://fd/{$number}", 'r');
        // A client may be slower than PHP waits for a socket by itself.
        stream_set_timeout($input, self::YEAR_SECONDS);
        stream_set_timeout($output, self::YEAR_SECONDS);
        $channel->closeBody();
        return [$input, $output];
    }

    /** @param resource $stream */
    private static function descriptorOf($stream): int
    {
        $wanted = fstat($stream);
        for ($number = 3; $number < self::DESCRIPTORS_MAX; $number += 1) {
            $same = @fopen("php://fd/{$number}", 'r');
            $found = $same === false ? null : fstat($same);
            if ($found !== null && self::isSameFile($found, $wanted)) {
                return $number;
            }
        }
        assert(false, 'an open stream has a descriptor');
    }

    /**
     * @param array<array-key, int> $one
     * @param array<array-key, int> $other
     */
    private static function isSameFile(array $one, array $other): bool
    {
        return $one['dev'] === $other['dev'] && $one['ino'] === $other['ino'];
    }

    /** Takes what leaves the page's outermost buffer. */
    private function take(string $bytes, int $phase): string
    {
        $isFinal = ($phase & PHP_OUTPUT_HANDLER_FINAL) !== 0;
        if ($isFinal && $this->isShutDown) {
            return $this->end($bytes);
        }
        if ($bytes !== '' || $isFinal) {
            $this->sendHead();
        }
        return $bytes;
    }

    /**
     * Asks the gateway by way of the instance, which has the link.
     *
     * @param array{h: array<string, string>, w: int, m: int} $asked
     * @return array{array<string, mixed>, string} A CallReplyHead and the body.
     */
    private function callOut(array $asked, string $payload): array
    {
        $this->channel->say('C', Json::encode($asked + ['b' => base64_encode($payload)]));
        [, $answer] = $this->awaitAnswer();
        $headBytes = unpack('V', $answer)[1];
        $head = json_decode(substr($answer, 4, $headBytes), true);
        return [$head, substr($answer, 4 + $headBytes)];
    }

    /**
     * The same for an answer of which the page takes one part after the other.
     *
     * @param array<string, string> $head
     * @return array{array<string, mixed>, \Closure, \Closure} As `Call::streamOut` has it.
     */
    private function streamOut(array $head, string $payload, int $waitMs): array
    {
        $name = pack('V', $this->streams += 1);
        $asked = ['h' => $head, 'w' => $waitMs, 'b' => base64_encode($payload)];
        $this->channel->say('S', $name . Json::encode($asked));
        [, $answer] = $this->awaitAnswer();
        $nextPart = function () use ($name): string|array|null {
            $this->channel->say('N', $name);
            [$letter, $part] = $this->awaitAnswer();
            return $letter === 'P' ? $part : json_decode($part, true);
        };
        $giveUp = fn (): bool => $this->channel->say('X', $name);
        return [json_decode($answer, true), $nextPart, $giveUp];
    }

    /** @return array{string, string} The one message for which the page waits. */
    private function awaitAnswer(): array
    {
        while (($messages = $this->channel->hear()) === []) {
        }
        return $messages[0] ?? Instance::current()->leave();
    }

    /** Answers a form that is too large, in the words of the event handler's answer. */
    private function refuse(): never
    {
        $head = Json::encode(['s' => 413, 'h' => Answer::JSON_TYPE]);
        $body = Json::encode(['error' => EventCall::tooLarge(EventCall::EVENT_BYTES_MAX)]);
        $this->channel->say('E', pack('V', strlen($head)) . $head . $body);
        Instance::current()->leave();
    }

    /** The rest travels with the end, unless output went past the buffer. */
    private function end(string $bytes): string
    {
        $head = Json::encode($this->headers->head());
        $isFirst = !$this->hasSentHead;
        if (!$isFirst) {
            // What is printed must be on its way before the end is told.
            @fwrite($this->output, $bytes);
        }
        $rest = $isFirst ? $bytes : '';
        $this->channel->say('E', pack('V', strlen($head)) . $head . $rest);
        return '';
    }

    private function sendHead(): void
    {
        $this->hasSentHead = true;
        $this->channel->say('H', Json::encode($this->headers->head()));
    }

    /** Once output may leave by itself, each change of the head must be there before it. */
    private function headChanged(): void
    {
        if ($this->hasSentHead && !headers_sent()) {
            $this->sendHead();
        }
    }

    private function threw(\Throwable $error): void
    {
        $this->lines->line('error', $this->thrown->inspect($error));
        $this->channel->say('F', Json::encode(Thrown::describe($error)));
    }

    private function onShutdown(): void
    {
        $this->isShutDown = true;
        while (($work = Context::current()?->nextWork()) !== null) {
            register_shutdown_function($work);
        }
        ini_set('memory_limit', '-1');
        $fatal = ErrorLog::fatal($this->thrown);
        if ($fatal !== null) {
            $this->lines->line('error', $fatal['log']);
            $failure = ['name' => 'FatalError', 'message' => $fatal['message']];
            $this->channel->say('F', Json::encode($failure));
        }
        PageRequest::current()?->dropUploads();
        $this->lines->drain();
    }
}
