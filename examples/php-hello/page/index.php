<?php

session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
$name = $_POST['name'] ?? $_GET['name'] ?? 'world';
error_log("greeting {$name}");
?>
<!doctype html>
<title>Hello</title>
<h1>Hello, <?= htmlspecialchars($name) ?>!</h1>
<p>Visits in this session, as far as this instance knows: <?= $_SESSION['visits'] ?></p>
<form method="post"><input name="name"><button>Greet</button></form>
