// The path data of lines and bands; a missing value makes a gap, never a slope.

const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** Returns the path of a line through [x, y] points; null stands for a gap. */
export function line(points) {
  let path = "";
  let open = false;
  for (const point of points) {
    if (point === null) {
      open = false;
    } else {
      path += `${open ? "L" : "M"}${at(point[0], point[1])}`;
      open = true;
    }
  }
  return path;
}

/** Returns the path of an area between the lower and upper edge of [x, low, high] points; null stands for a gap. */
export function area(points) {
  let path = "";
  let run = [];
  const close = () => {
    if (run.length === 1) {
      const [[x, low, high]] = run; // one day alone is a thin bar
      run = [[x - 1.5, low, high], [x + 1.5, low, high]];
    }
    if (run.length) {
      const edge = run.map(([x, , high]) => at(x, high));
      const back = run.map(([x, low]) => at(x, low)).reverse();
      path += `M${edge.join("L")}L${back.join("L")}Z`;
    }
    run = [];
  };
  for (const point of points) {
    if (point === null) close();
    else run.push(point);
  }
  close();
  return path;
}

export const triangle = (x, y, size) =>
  `M${at(x, y)}L${at(x - size, y - 1.7 * size)}L${at(x + size, y - 1.7 * size)}Z`;

export const diamond = (x, y, size) =>
  `M${at(x, y - size)}L${at(x + size, y)}L${at(x, y + size)}L${at(x - size, y)}Z`;
