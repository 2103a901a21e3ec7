// Draws the charts of the home page, in the colours of the theme as it is now.
"use strict";

function ink(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(unit) {
    const grid = { color: ink("--hb-line") }, ticks = { color: ink("--hb-faint") };
    return {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        plugins: {
            legend: { labels: { color: ink("--hb-ink"), boxWidth: 12, boxHeight: 12 } },
            tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${item.formattedValue} ${unit}` } },
        },
        scales: {
            x: { stacked: !unit, grid: { display: false }, ticks: { ...ticks, maxTicksLimit: 8 } },
            y: { stacked: !unit, beginAtZero: true, grid, ticks: { ...ticks, precision: unit ? undefined : 0 } },
        },
    };
}

document.addEventListener("DOMContentLoaded", () => {
    const drawn = [...document.querySelectorAll("canvas[data-chart]")].map((canvas) => {
        const { unit, chart } = canvas.dataset;
        const data = JSON.parse(chart);
        if (unit) data.datasets.forEach((one) => { delete one.stack; }); // averages do not add up
        return [new Chart(canvas, { type: "bar", data, options: options(unit) }), unit];
    });
    // Light and dark are a class of the page.
    new MutationObserver(() => drawn.forEach(([chart, unit]) => {
        chart.options = options(unit);
        chart.update();
    })).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
});
