import express from "express";

const app = express();

app.get("/", (request, response) => {
  response.json({ message: `Hello, ${request.query.name ?? "world"}!` });
});

// What `skerry invoke` and other functions send: JSON, as `application/octet-stream`.
app.post("/invoke", express.json({ type: "*/*" }), (request, response) => {
  response.json({ message: `Hello, ${request.body.name ?? "world"}!` });
});

app.listen(process.env.PORT ?? 3000);
