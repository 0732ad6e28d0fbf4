<?php

/**
 * Makes log entries of what an event handler prints with PHP's output functions. What is printed in
 * one go is one entry; a line that is not ended waits for its rest, until the request ends.
 */

declare(strict_types=1);

namespace Skerry\Runtime;

/** The outermost output buffer. */
final class OutputCapture
{
    private string $partial = '';

    public function __construct(private readonly LogLines $lines)
    {
    }

    /** Begins, also again after user code has ended every buffer. */
    public function start(): void
    {
        if (ob_get_level() === 0) {
            ob_start($this->take(...), 1);
        }
    }

    /** Ends the buffers that a handler left open and writes the line that it did not end. */
    public function settle(): void
    {
        while (ob_get_level() > 1 && ob_end_flush()) {
        }
        $this->writePartial();
    }

    private function take(string $bytes, int $phase): string
    {
        $text = $this->partial . $bytes;
        $end = strrpos($text, "\n");
        if ($end !== false) {
            $this->lines->line('info', substr($text, 0, $end));
        }
        $this->partial = $end === false ? $text : substr($text, $end + 1);
        if (($phase & PHP_OUTPUT_HANDLER_FINAL) !== 0) {
            $this->writePartial();
        }
        return '';
    }

    private function writePartial(): void
    {
        if ($this->partial !== '') {
            $this->lines->line('info', $this->partial);
            $this->partial = '';
        }
    }
}
