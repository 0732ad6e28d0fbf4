<?php

/**
 * The life of an instance: blank, then specialised to one revision for good, then requests. A
 * second specialise is refused whatever it carries: an instance that took another's code would keep
 * the first one's state. Requests to a blank are refused.
 *
 * An event handler runs in this process, one request at a time; requests that come meanwhile wait
 * in order. A page runs in a process of its own, see page-server.php.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

require __DIR__ . '/json.php';
require __DIR__ . '/text.php';
require __DIR__ . '/frames.php';
require __DIR__ . '/stream.php';
require __DIR__ . '/link.php';
require __DIR__ . '/reach.php';
require __DIR__ . '/log-lines.php';
require __DIR__ . '/logger.php';
require __DIR__ . '/call-failed.php';
require __DIR__ . '/trace.php';
require __DIR__ . '/streamed-answer.php';
require __DIR__ . '/context.php';
require __DIR__ . '/facts.php';
require __DIR__ . '/answer.php';
require __DIR__ . '/outgoing-call.php';
require __DIR__ . '/call.php';
require __DIR__ . '/bad-response.php';
require __DIR__ . '/http-event.php';
require __DIR__ . '/foreign-event.php';
require __DIR__ . '/thrown.php';
require __DIR__ . '/parts-sender.php';
require __DIR__ . '/event-call.php';
require __DIR__ . '/error-log.php';
require __DIR__ . '/environment.php';
require __DIR__ . '/output-capture.php';
require __DIR__ . '/entry-scan.php';
require __DIR__ . '/code.php';
require __DIR__ . '/page-headers.php';
require __DIR__ . '/overrides.php';

/** The one instance of this process. */
final class Instance
{
    private const LINK = 'php://fd/3';
    private const ALREADY = [
        'ok' => false,
        'name' => 'AlreadySpecialised',
        'message' => 'An instance takes the code of one revision once in its life.',
    ];
    private const EXITED = 'The code ended the process with exit() or die(); return from the '
        . 'handler instead.';

    private static ?self $current = null;

    private readonly Link $link;
    private LogLines $lines;
    private readonly OutputCapture $output;
    /** One of blank, loading, failed, ready. */
    private string $state = 'blank';
    private ?Stream $specialising = null;
    private ?Code $code = null;
    private ?EventCall $events = null;
    private ?PageServer $pages = null;
    private ?string $entry = null;
    /** @var (\Closure(): void)|null */
    private ?\Closure $onPageShutdown = null;
    private bool $isEnding = false;
    private bool $isBusy = false;
    private bool $runsInit = true;

    /** @param list<string> $arguments */
    public static function start(array $arguments): void
    {
        self::$current = new self();
        if (in_array('--warm=none', $arguments, true) === false) {
            require_once __DIR__ . '/warm-up.php';
            WarmUp::run(in_array('--warm=fetch', $arguments, true));
        }
    }

    public static function current(): self
    {
        assert(self::$current !== null);
        return self::$current;
    }

    private function __construct()
    {
        Environment::scrub();
        // A descriptor of its own: user code may close STDOUT.
        $this->lines = new LogLines(fopen('php://fd/1', 'w'));
        $this->output = new OutputCapture($this->lines);
        $this->link = new Link(
            fopen(self::LINK, 'r+'),
            ['role' => 'instance', 'runtimeBuild' => 'php-' . PHP_VERSION],
            $this->leave(...),
        );
        register_shutdown_function($this->onShutdown(...));
    }

    /** Writes a log entry of the request at hand. */
    public function log(string $level, string $message): bool
    {
        $this->lines->line($level, $message);
        return true;
    }

    /** Ends the process without a word, as its link does. */
    public function leave(): never
    {
        $this->isEnding = true;
        $this->lines->drain();
        exit(0);
    }

    /**
     * Makes this the process of a page, which has a log and an end of its own.
     *
     * @param \Closure(): void $onShutdown
     */
    public function becomePage(LogLines $lines, \Closure $onShutdown): void
    {
        $this->lines = $lines;
        $this->onPageShutdown = $onShutdown;
    }

    /** Waits for `specialise`. True when the entry file is to be required now. */
    public function awaitCode(): bool
    {
        while ($this->state === 'blank') {
            $stream = $this->next();
            $head = json_decode($stream->head, true);
            if (($head['op'] ?? null) === 'specialise') {
                return $this->prepare($stream, $head);
            }
            $this->refuse($stream, $head);
        }
        return false;
    }

    /** Path of the file to require. */
    public function entry(): string
    {
        assert($this->entry !== null);
        return $this->entry;
    }

    /** The entry file has run; `returned` is what it gave back. */
    public function loaded(mixed $returned): void
    {
        assert($this->code !== null);
        $this->output->settle();
        $handler = $this->code->handlerOf($returned);
        if ($handler === null) {
            $missing = $this->code->missing($returned);
            $this->log('error', $missing);
            $this->answerFailed('HandlerMissing', $missing);
            return;
        }
        if ($this->runsInit) {
            $this->runHook('init');
        }
        $thrown = $this->code->thrown;
        $this->events = new EventCall($handler, $this->code->facts, $this->lines, $thrown);
        $this->answerReady();
    }

    /** The entry file threw. */
    public function loadFailed(\Throwable $error): void
    {
        assert($this->code !== null);
        $this->output->settle();
        $this->log('error', $this->code->thrown->inspect($error));
        $described = Thrown::describe($error);
        $this->answerFailed($described['name'], $described['message']);
    }

    /** Takes requests for as long as the link lives; returns only in a page's own process. */
    public function serve(): void
    {
        if ($this->pages !== null) {
            $this->pages->serve(fn (Stream $stream): ?Call => $this->callOf($stream));
            return;
        }
        while (true) {
            $call = $this->callOf($this->next());
            if ($call !== null) {
                $this->run($call);
            }
        }
    }

    /** Runs the code's function of that name, if it has one. */
    private function runHook(string $name): void
    {
        $hook = $this->code?->hook($name);
        if ($hook !== null) {
            $this->output->start();
            $this->link->lend();
            try {
                $hook($this->code->facts->ofInstance());
            } finally {
                $this->output->settle();
            }
        }
    }

    private function stop(Stream $stream): void
    {
        try {
            $this->runHook('preStop');
        } catch (\Throwable $error) {
            $this->log('error', 'preStop failed: ' . $this->code?->thrown->inspect($error));
        }
        $stream->reply('{}', '', true);
    }

    private function run(Call $call): void
    {
        assert($this->events !== null);
        $this->lines->own($call->id);
        $this->output->start();
        $this->isBusy = true;
        $this->events->run($call);
        $this->isBusy = false;
        $this->output->settle();
        $this->lines->own(null);
    }

    private function next(): Stream
    {
        while (($stream = $this->link->nextOpened()) === null) {
            $stdout = $this->lines->awaited();
            if ($stdout === []) {
                $this->link->wait();
            } else {
                $this->link->waitBeside([], $stdout, null);
            }
        }
        return $stream;
    }

    /** The request that a stream carries; anything else is answered here. */
    private function callOf(Stream $stream): ?Call
    {
        $head = json_decode($stream->head, true);
        if ($this->state !== 'ready' || ($head['op'] ?? null) !== 'request') {
            $this->refuse($stream, $head);
            return null;
        }
        return $stream->isClosed() ? null : new Call($stream, $this->link, $head);
    }

    private function refuse(Stream $stream, mixed $head): void
    {
        match ($head['op'] ?? null) {
            'specialise' => $stream->reply(Json::encode(self::ALREADY), '', true),
            'code-cache' => $stream->reply(Json::encode([
                'ok' => false,
                'name' => 'NoCodeCache',
                'message' => 'PHP code has no code cache.',
            ]), '', true),
            'pre-stop' => $this->stop($stream),
            'abort' => $stream->reply('{}', '', true),
            'request' => $stream->cancel("the instance is {$this->state}"),
            default => $stream->cancel('a head that this runtime does not know'),
        };
    }

    /** @param array<string, mixed> $head A SpecialiseHead. */
    private function prepare(Stream $stream, array $head): bool
    {
        $this->state = 'loading';
        $this->runsInit = ($head['noInit'] ?? false) !== true;
        $this->specialising = $stream;
        $this->code = new Code($head, __DIR__);
        Thrown::hideSecrets($head);
        ErrorLog::watch($this->lines, $this->code->thrown);
        $this->output->start();
        try {
            $this->lines->flush();
            $this->link->openReach($head);
            $this->entry = $this->code->prepare();
            if (!$this->code->isPage) {
                $this->link->lend();
                return true;
            }
            require_once __DIR__ . '/page-server.php';
            $this->pages = new PageServer($this->link, $this->lines, $this->code);
            ob_end_flush();
            $this->answerReady();
        } catch (\Throwable $error) {
            $this->loadFailed($error);
        }
        return false;
    }

    private function answerReady(): void
    {
        assert($this->code !== null && $this->specialising !== null);
        $this->state = 'ready';
        $this->specialising->reply(Json::encode($this->code->readyReply()), '', true);
        $this->specialising = null;
    }

    private function answerFailed(string $name, string $message): void
    {
        assert($this->specialising !== null);
        $this->state = 'failed';
        $told = Thrown::withoutSecrets($message);
        $reply = ['ok' => false, 'name' => $name, 'message' => $told];
        $this->specialising->reply(Json::encode($reply), '', true);
        $this->specialising = null;
    }

    /** Nothing of the log is lost, and what nobody could catch is told. */
    private function onShutdown(): void
    {
        if ($this->isEnding || $this->code === null) {
            return;
        }
        if ($this->onPageShutdown !== null) {
            ($this->onPageShutdown)();
            return;
        }
        // What ran out is not given back before the process ends, and telling takes some.
        ini_set('memory_limit', '-1');
        $this->output->settle();
        $fatal = ErrorLog::fatal($this->code->thrown);
        if ($fatal !== null) {
            $this->lines->line('error', $fatal['log']);
        } elseif ($this->isBusy || $this->state === 'loading') {
            $this->lines->line('error', self::EXITED);
        }
        $this->lines->drain();
    }
}
