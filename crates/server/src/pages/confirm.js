// Turns the link of a mail into a key. Nothing happens before the button is pressed: programs that look into mails open
// links as well, and a link opens once.

const button = document.querySelector("#open");
const told = document.querySelector("#told");
const key = document.querySelector("#key");

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const reply = await fetch("/v1/accounts/confirm", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: location.hash.slice(1) }),
    });
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.error.message);
    history.replaceState(null, "", location.pathname);
    key.textContent = answer.key;
    key.hidden = false;
    button.hidden = true;
    told.textContent = `Keep it now: it is shown once. Your account has $${answer.balance.toFixed(2)}.`;
  } catch (error) {
    button.disabled = false;
    told.textContent = error.message;
  }
});
