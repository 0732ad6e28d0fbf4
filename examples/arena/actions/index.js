// One function runs all actions of the arena: each says which it is, who runs it, and how.
const runs = {
  "daily-reset": () => "the board is empty",
  "login-reward": (event) => `${event.subject} gets 10 coins`,
  "report-score": (event, { player }) => `${player} scored ${event.score}`,
  "operator-grant": (event) => `${event.player} gets ${event.coins} coins`,
};

exports.handler = (event, { action }) => {
  const said = runs[action.name](event, action);
  console.log(`${action.triggerId} ${action.executionId}: ${said}`);
  return { said, ...action };
};
