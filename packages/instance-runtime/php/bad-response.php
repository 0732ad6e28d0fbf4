<?php

declare(strict_types=1);

namespace Skerry\Runtime;

/** Why a result cannot be an answer; for the developer. */
final class BadResponse extends \Exception
{
}
