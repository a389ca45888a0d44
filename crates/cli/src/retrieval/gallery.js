// A click shows the picture itself where the browser may read it, else its small copy; arrows go on; Escape ends.
const links = [...document.querySelectorAll('.tiles a')];
const dialog = document.querySelector('dialog');
const [large, caption] = [dialog.querySelector('img'), dialog.querySelector('p')];
let shown = 0;
function show(place) {
  shown = (place + links.length) % links.length;
  const link = links[shown];
  const small = link.querySelector('img');
  large.onerror = () => { large.onerror = null; if (small) large.src = small.src; };
  large.src = link.href;
  large.alt = small ? small.alt : '';
  const file = document.createElement('a');
  file.href = link.href;
  file.textContent = link.title;
  caption.replaceChildren(file, ` · ${link.parentElement.querySelector('.score').textContent}`);
  if (!dialog.open) dialog.showModal();
}
links.forEach((link, place) => link.addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(place);
}));
dialog.addEventListener('click', (event) => { if (event.target === dialog || event.target === large) dialog.close(); });
addEventListener('keydown', (event) => {
  if (!dialog.open) return;
  if (event.key === 'ArrowRight') show(shown + 1);
  if (event.key === 'ArrowLeft') show(shown - 1);
});
