//! The HTML report: one file, complete without JavaScript and without a network.

mod article;
mod axis;
mod before;
mod data;
mod moments;
mod page;
mod pixels;
mod rows;
mod settings;
mod table;
mod tables;
mod timeline;
mod trend;
mod verify;
mod waterfall;

pub use page::html;
