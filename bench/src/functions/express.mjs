/** The same with Express. */
import express from "express";

const app = express();
app.use(express.json());
app.post("/", (request, response) => response.json({ ok: true, you: request.body }));
app.listen(Number(process.env.PORT));
